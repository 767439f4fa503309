package scalar

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// Kind is what a parameter accepts.
type Kind uint8

// The kinds of parameters. A value kind takes what converts to the type without losing anything; Text takes any scalar
// as tostring() gives it; JSON takes any scalar as a dynamic value. Elements takes an array as the
// JSON of its elements, with commas between them, so that nothing copies what was gathered to put
// brackets around it; null is none.
const (
	Exact Kind = iota // of Param.Type
	Text
	JSON
	Elements
)

// Param is a parameter of a function.
type Param struct {
	Kind     Kind
	Type     value.Type
	Optional bool
}

// Naming is how a result column is named when the query does not name it.
type Naming uint8

// The naming rules, from the functions of @kusto/language-service-next (MIT).
const (
	Unnamed    Naming = iota // Column1, print_0
	OfArgument               // the name of the first argument
	Prefixed                 // function name, underscore, name of the first argument
)

// Signature is the type of a function.
type Signature struct {
	Name     string
	Params   []Param
	Variadic bool // the last parameter repeats, zero or more times
	Result   value.Type
	Naming   Naming
}

// MinArgs returns how many arguments must be given.
func (s *Signature) MinArgs() int {
	n := 0
	for _, p := range s.Params {
		if !p.Optional {
			n++
		}
	}
	// What may be repeated may be left out too, unless the function would have no argument then.
	if s.Variadic && len(s.Params) > 1 {
		n--
	}
	return n
}

// Param returns the parameter an argument belongs to; false if there are too many arguments.
func (s *Signature) Param(i int) (Param, bool) {
	if i < len(s.Params) {
		return s.Params[i], true
	}
	if s.Variadic {
		return s.Params[len(s.Params)-1], true
	}
	return Param{}, false
}

// ParseSignature reads "name(string, long?, json...) dynamic": a '?' marks an optional parameter, '...' a
// repeated one; text, json and elements are kinds; '@' behind the result names the column after the
// first argument, '+' prefixes it. It panics on a mistake: signatures are written in the source.
func ParseSignature(text string) Signature {
	name, rest, ok := strings.Cut(text, "(")
	params, result, ok2 := strings.Cut(rest, ")")
	if !ok || !ok2 {
		panic(fmt.Sprintf("scalar: signature %q", text))
	}
	s := Signature{Name: strings.TrimSpace(name)}
	for _, p := range strings.Split(params, ",") {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		var param Param
		if p, ok = strings.CutSuffix(p, "..."); ok {
			s.Variadic = true
		}
		p, param.Optional = strings.CutSuffix(p, "?")
		switch p {
		case "text":
			param.Kind, param.Type = Text, value.String
		case "json":
			param.Kind, param.Type = JSON, value.Dynamic
		case "elements":
			param.Kind, param.Type = Elements, value.Dynamic
		default:
			param.Type = mustType(p, text)
		}
		s.Params = append(s.Params, param)
	}
	result = strings.TrimSpace(result)
	if result, ok = strings.CutSuffix(result, "@"); ok {
		s.Naming = OfArgument
	} else if result, ok = strings.CutSuffix(result, "+"); ok {
		s.Naming = Prefixed
	}
	s.Result = mustType(strings.TrimSpace(result), text)
	return s
}

func mustType(name, text string) value.Type {
	t, ok := value.ParseType(name)
	if !ok {
		panic(fmt.Sprintf("scalar: type %q in signature %q", name, text))
	}
	return t
}

// Function is a scalar function in Go.
//
// Eval gets one value an argument: bool, int64 (int, long, datetime and timespan ticks), float64,
// string (string, guid, decimal), a decoded dynamic (see value.DecodeDynamic), or nil for null;
// optional arguments may be missing. It returns the same for its result, or an error, which ends
// the query. A nil Eval is a function another package computes.
type Function struct {
	Signature
	// Nulls makes Eval see null arguments; otherwise a null argument makes the result null ("" for string).
	Nulls bool
	Eval  func(args []any) any
	// Long is Eval of a function that may take long over a single row: it gives up, with any
	// result, once ended reports that nobody waits for it. A function has the one or the other.
	Long func(ended func() bool, args []any) any

	overload int // the functions of the same name and result before this one
}

// Call computes the function's result; see Eval and Long.
func (f *Function) Call(ended func() bool, args []any) any {
	if f.Long != nil {
		return f.Long(ended, args)
	}
	return f.Eval(args)
}

// SQLName is the name the function has in the database; each overload has its own.
func (f *Function) SQLName() string {
	name := SQLName(f.Name, f.Result)
	if f.overload > 0 {
		name += fmt.Sprintf("_%d", f.overload)
	}
	return name
}

// SQLName returns the database name of the first Go function of a name and a result type.
func SQLName(name string, result value.Type) string { return "kql_" + name + "_" + result.String() }

// RunNumber is the name of the database's function whose result is the first argument of each call
// of a Go function: the number of the query that runs.
const RunNumber = "kql_run"

// defineLong returns a function whose arguments are never null and that may take long.
func defineLong(signature string, long func(ended func() bool, args []any) any) Function {
	return Function{Signature: ParseSignature(signature), Long: long}
}

// checkEvery is how many elements a long function takes between two looks at whether it has ended.
const checkEvery = 4096

// define returns a function whose arguments are never null.
func define(signature string, eval func(args []any) any) Function {
	return Function{Signature: ParseSignature(signature), Eval: eval}
}

// defineNulls returns a function that sees null arguments.
func defineNulls(signature string, eval func(args []any) any) Function {
	return Function{Signature: ParseSignature(signature), Nulls: true, Eval: eval}
}
