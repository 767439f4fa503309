package engine_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// randomColumn is a column of a random table. That of a list whose order is not known is loose: it
// is compared as a set, and nothing is computed from it.
type randomColumn struct {
	name  string
	t     value.Type
	loose bool
}

// randomRow is what an expression is computed for.
type randomRow struct {
	cols  []randomColumn
	cells []any
}

// scalarExpr is an expression: its text and, by the documentation, its meaning.
type scalarExpr struct {
	t    value.Type
	text func(args []string) string
	eval func(row randomRow, args []any) any
	args []*scalarExpr
}

func (e *scalarExpr) String() string {
	args := make([]string, len(e.args))
	for i, a := range e.args {
		args[i] = a.String()
	}
	return e.text(args)
}

func (e *scalarExpr) value(row randomRow) any {
	args := make([]any, len(e.args))
	for i, a := range e.args {
		args[i] = a.value(row)
	}
	v := e.eval(row, args)
	if v == nil && e.t == value.String {
		return ""
	}
	return v
}

// undecided ends the computation of a case whose answer the documentation leaves open, or that the
// engine refuses while it runs, as it does with sums beyond 64 bits.
type undecided struct{ why string }

// dangling ends the computation of a case that names a column that shrinking has removed.
type dangling struct{ column string }

func literalExpr(t value.Type, v any) *scalarExpr {
	return &scalarExpr{t: t, text: func([]string) string { return literal(t, v) },
		eval: func(randomRow, []any) any { return v }}
}

func columnRef(c randomColumn) *scalarExpr {
	return &scalarExpr{t: c.t, text: func([]string) string { return c.name }, eval: func(row randomRow, _ []any) any {
		for i, have := range row.cols {
			if have.name == c.name && have.t == c.t {
				return row.cells[i]
			}
		}
		panic(dangling{c.name})
	}}
}

// rule is a function or operator: its text, in which %s stands for the arguments, and what it gives for them.
type rule struct {
	result value.Type
	format string
	args   []value.Type
	nulls  bool // eval sees nulls; otherwise a null makes the result null
	eval   func(a []any) any
}

// keepsType reports whether the type of the result is that of arguments, so that an int must not stand for a long.
func (r rule) keepsType() bool {
	name, _, _ := strings.Cut(r.format, "(")
	return slices.Contains([]string{"iff", "case", "coalesce", "max_of", "min_of", "tohex"}, name)
}

// exprs makes random expressions over columns.
type exprs struct {
	*rand.Rand
	cols []randomColumn
}

// of returns an expression of a type, of at most that many levels.
func (g exprs) of(t value.Type, depth int) *scalarExpr {
	if depth > 0 && g.IntN(5) > 0 {
		if rules := rulesByResult[t]; len(rules) > 0 {
			return g.call(pick(g.Rand, rules), depth)
		}
	}
	var candidates []randomColumn
	for _, c := range g.cols {
		if !c.loose && c.t == t {
			candidates = append(candidates, c)
		}
	}
	if len(candidates) > 0 && g.IntN(5) > 0 {
		return columnRef(pick(g.Rand, candidates))
	}
	return literalExpr(t, randomValue(g.Rand, t))
}

func (g exprs) call(r rule, depth int) *scalarExpr {
	e := &scalarExpr{t: r.result}
	for _, t := range r.args {
		if t == value.Long && !r.keepsType() && g.IntN(6) == 0 {
			t = value.Int
		}
		e.args = append(e.args, g.of(t, depth-1))
	}
	e.text = func(args []string) string {
		list := make([]any, len(args))
		for i, a := range args {
			list[i] = a
		}
		return fmt.Sprintf(r.format, list...)
	}
	e.eval = func(_ randomRow, a []any) any {
		if !r.nulls {
			for _, v := range a {
				if v == nil {
					return nil
				}
			}
		}
		return r.eval(a)
	}
	return e
}

var rulesByResult = func() map[value.Type][]rule {
	out := map[value.Type][]rule{}
	for _, r := range allRules() {
		out[r.result] = append(out[r.result], r)
	}
	return out
}()

func allRules() []rule {
	var all []rule
	for _, group := range [][]rule{comparisons(), logic(), termRules(), numberRules(), textRules(), timeRules(),
		dynamicRules(), conversionRules(), arrayRules(), hashRules()} {
		all = append(all, group...)
	}
	return all
}

const (
	tBool, tInt, tLong, tReal, tText = value.Bool, value.Int, value.Long, value.Real, value.String
	tTime, tSpan, tGUID, tDyn        = value.Datetime, value.Timespan, value.GUID, value.Dynamic
)

func types(t ...value.Type) []value.Type { return t }

// comparisons: "Null values", "Logical operators" and "Numerical operators" of the documentation.
func comparisons() []rule {
	var out []rule
	equal := func(a, b any) bool { c, ok := order(a, b); return ok && c == 0 }
	pairs := [][2]value.Type{{tInt, tInt}, {tLong, tLong}, {tReal, tReal}, {tLong, tReal}, {tReal, tInt}, {tText, tText},
		{tTime, tTime}, {tSpan, tSpan}, {tGUID, tGUID}, {tBool, tBool}}
	for _, p := range pairs {
		out = append(out, rule{tBool, "(%s == %s)", p[:], true, func(a []any) any {
			if a[0] == nil || a[1] == nil {
				if a[0] == nil && a[1] == nil {
					return nil
				}
				return false
			}
			return equal(a[0], a[1])
		}}, rule{tBool, "(%s != %s)", p[:], true, func(a []any) any {
			if a[0] == nil || a[1] == nil {
				if a[0] == nil && a[1] == nil {
					return nil
				}
				return true
			}
			return !equal(a[0], a[1])
		}})
		if p[0] == tGUID || p[0] == tBool {
			continue
		}
		for op, holds := range map[string]func(c int) bool{"<": func(c int) bool { return c < 0 }, "<=": func(c int) bool {
			return c <= 0
		}, ">": func(c int) bool { return c > 0 }, ">=": func(c int) bool { return c >= 0 }} {
			out = append(out, rule{tBool, "(%s " + op + " %s)", p[:], false,
				func(a []any) any { c, ok := order(a[0], a[1]); return ok && holds(c) }})
		}
		out = append(out, rule{tBool, "(%s between (%s .. %s))", types(p[0], p[1], p[1]), true,
			func(a []any) any { return between(a) }},
			rule{tBool, "(%s !between (%s .. %s))", types(p[0], p[1], p[1]), true, func(a []any) any { return not(between(a)) }},
			rule{tBool, "(%s in (%s, %s))", types(p[0], p[1], p[1]), true,
				func(a []any) any { return or(is(a[0], a[1]), is(a[0], a[2])) }},
			rule{tBool, "(%s !in (%s, %s))", types(p[0], p[1], p[1]), true,
				func(a []any) any { return not(or(is(a[0], a[1]), is(a[0], a[2]))) }})
	}
	return out
}

// is is ==, which is null for two nulls and false for one.
func is(x, y any) any {
	if x == nil || y == nil {
		if x == nil && y == nil {
			return nil
		}
		return false
	}
	c, ok := order(x, y)
	return ok && c == 0
}

func between(a []any) any {
	ge, le := any(nil), any(nil)
	if a[0] != nil && a[1] != nil {
		c, ok := order(a[0], a[1])
		ge = ok && c >= 0
	}
	if a[0] != nil && a[2] != nil {
		c, ok := order(a[0], a[2])
		le = ok && c <= 0
	}
	return and(ge, le)
}

func and(x, y any) any {
	if x == false || y == false {
		return false
	}
	if x == nil || y == nil {
		return nil
	}
	return true
}

func or(x, y any) any {
	if x == true || y == true {
		return true
	}
	if x == nil || y == nil {
		return nil
	}
	return false
}

func not(x any) any {
	if x == nil {
		return nil
	}
	return !x.(bool)
}

// logic: "Null values", iff(), case(), coalesce(), isnull(), isempty(), max_of().
func logic() []rule {
	out := []rule{
		{tBool, "(%s and %s)", types(tBool, tBool), true, func(a []any) any { return and(a[0], a[1]) }},
		{tBool, "(%s or %s)", types(tBool, tBool), true, func(a []any) any { return or(a[0], a[1]) }},
		{tBool, "not(%s)", types(tBool), true, func(a []any) any { return not(a[0]) }},
	}
	for _, t := range randomTypes {
		out = append(out,
			rule{tBool, "isnull(%s)", types(t), true, func(a []any) any { return a[0] == nil }},
			rule{tBool, "isnotnull(%s)", types(t), true, func(a []any) any { return a[0] != nil }},
			rule{tBool, "isempty(%s)", types(t), true, func(a []any) any { return asText(t, a[0]) == "" }},
			rule{tBool, "isnotempty(%s)", types(t), true, func(a []any) any { return asText(t, a[0]) != "" }},
			rule{t, "iff(%s, %s, %s)", types(tBool, t, t), true, func(a []any) any {
				if a[0] == true {
					return a[1]
				}
				return a[2]
			}},
			rule{t, "case(%s, %s, %s, %s, %s)", types(tBool, t, tBool, t, t), true, func(a []any) any {
				if a[0] == true {
					return a[1]
				}
				if a[2] == true {
					return a[3]
				}
				return a[4]
			}},
			rule{t, "coalesce(%s, %s)", types(t, t), true, func(a []any) any {
				if a[0] == nil || t == tText && a[0] == "" {
					return a[1]
				}
				return a[0]
			}})
	}
	for _, t := range types(tInt, tLong, tReal, tTime, tSpan) {
		for name, sign := range map[string]int{"max_of": 1, "min_of": -1} {
			out = append(out, rule{t, name + "(%s, %s)", types(t, t), true, func(a []any) any {
				if a[0] == nil {
					return a[1]
				}
				if a[1] == nil {
					return a[0]
				}
				c, ok := order(a[0], a[1])
				if !ok {
					panic(undecided{"the greater of NaN and a number"})
				}
				if c*sign > 0 {
					return a[0]
				}
				return a[1]
			}})
		}
	}
	return out
}

func isTerm(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }

// hasTerm looks for a term, or its beginning or end, by "String operators": terms are runs of letters and digits.
func hasTerm(text, term string, prefix, suffix bool) bool {
	if term == "" {
		return true
	}
	first, _ := utf8.DecodeRuneInString(term)
	last, _ := utf8.DecodeLastRuneInString(term)
	for at := 0; ; {
		i := strings.Index(text[at:], term)
		if i < 0 {
			return false
		}
		i += at
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+len(term):])
		starts := i == 0 || !isTerm(first) || !isTerm(before)
		ends := i+len(term) == len(text) || !isTerm(last) || !isTerm(after)
		if (starts || suffix) && (ends || prefix) {
			return true
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		at = i + size
	}
}

func termRules() []rule {
	tests := map[string]func(a, b string) bool{
		"has":       func(a, b string) bool { return hasTerm(a, b, false, false) },
		"hasprefix": func(a, b string) bool { return hasTerm(a, b, true, false) },
		"hassuffix": func(a, b string) bool { return hasTerm(a, b, false, true) }, "contains": strings.Contains,
		"startswith": strings.HasPrefix, "endswith": strings.HasSuffix,
	}
	var out []rule
	add := func(op string, test func(a, b string) bool) {
		out = append(out, rule{tBool, "(%s " + op + " %s)", types(tText, tText), false,
			func(a []any) any { return test(a[0].(string), a[1].(string)) }},
			rule{tBool, "(%s !" + op + " %s)", types(tText, tText), false,
				func(a []any) any { return !test(a[0].(string), a[1].(string)) }})
	}
	for op, test := range tests {
		add(op+"_cs", test)
		add(op, func(a, b string) bool { return test(strings.ToLower(a), strings.ToLower(b)) })
	}
	fold := func(a, b any) bool { return strings.EqualFold(a.(string), b.(string)) }
	has := func(a, b any) bool {
		return hasTerm(strings.ToLower(a.(string)), strings.ToLower(b.(string)), false, false)
	}
	return append(out, rule{tBool, "(%s =~ %s)", types(tText, tText), false,
		func(a []any) any { return fold(a[0], a[1]) }},
		rule{tBool, "(%s !~ %s)", types(tText, tText), false, func(a []any) any { return !fold(a[0], a[1]) }},
		rule{tBool, "(%s in~ (%s, %s))", types(tText, tText, tText), false,
			func(a []any) any { return fold(a[0], a[1]) || fold(a[0], a[2]) }},
		rule{tBool, "(%s !in~ (%s, %s))", types(tText, tText, tText), false,
			func(a []any) any { return !fold(a[0], a[1]) && !fold(a[0], a[2]) }},
		rule{tBool, "(%s has_any (%s, %s))", types(tText, tText, tText), false,
			func(a []any) any { return has(a[0], a[1]) || has(a[0], a[2]) }},
		rule{tBool, "(%s has_all (%s, %s))", types(tText, tText, tText), false,
			func(a []any) any { return has(a[0], a[1]) && has(a[0], a[2]) }})
}

// exact is an operation on 64-bit numbers, which leaves the case open where it overflows: Kusto
// wraps around, this engine refuses.
func exact(op string, x, y int64) int64 {
	f := map[string]float64{"+": float64(x) + float64(y), "-": float64(x) - float64(y), "*": float64(x) * float64(y)}[op]
	if math.Abs(f) > 9e18 {
		panic(undecided{"more than 64 bits"})
	}
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	}
	return x * y
}

// remainder is %, which is never negative.
func remainder(x, y int64) any {
	if y == 0 {
		return nil
	}
	r := x % y
	if r < 0 {
		r += max(y, -y)
	}
	return r
}

func floorTo(x, step int64) int64 { return x - remainder(x, step).(int64) }

func numberRules() []rule {
	var out []rule
	for _, op := range []string{"+", "-", "*"} {
		out = append(out, rule{tLong, "(%s " + op + " %s)", types(tLong, tLong), false,
			func(a []any) any { return exact(op, a[0].(int64), a[1].(int64)) }},
			rule{tLong, "(%s " + op + " %s)", types(tInt, tInt), false,
				func(a []any) any { return exact(op, a[0].(int64), a[1].(int64)) }})
		real := func(a []any) any {
			x, y := number(a[0]), number(a[1])
			return map[string]float64{"+": x + y, "-": x - y, "*": x * y}[op]
		}
		out = append(out, rule{tReal, "(%s " + op + " %s)", types(tReal, tReal), false, real},
			rule{tReal, "(%s " + op + " %s)", types(tLong, tReal), false, real})
	}
	integer := func(name string, f func(x int64) any) rule {
		return rule{tLong, name + "(%s)", types(tLong), false, func(a []any) any { return f(a[0].(int64)) }}
	}
	real := func(name string, f func(x float64) any) rule {
		return rule{tReal, name + "(%s)", types(tReal), false, func(a []any) any { return f(a[0].(float64)) }}
	}
	return append(out,
		rule{tLong, "(%s / %s)", types(tLong, tLong), false, func(a []any) any {
			if a[1].(int64) == 0 {
				return nil
			}
			return a[0].(int64) / a[1].(int64)
		}},
		rule{tLong, "(%s %% %s)", types(tLong, tLong), false,
			func(a []any) any { return remainder(a[0].(int64), a[1].(int64)) }},
		rule{tReal, "(%s / %s)", types(tReal, tReal), false, func(a []any) any { return a[0].(float64) / a[1].(float64) }},
		rule{tReal, "(%s / %s)", types(tReal, tLong), false, func(a []any) any { return a[0].(float64) / number(a[1]) }},
		rule{tLong, "(-%s)", types(tLong), false, func(a []any) any { return -a[0].(int64) }},
		rule{tReal, "(-%s)", types(tReal), false, func(a []any) any { return -a[0].(float64) }},
		rule{tLong, "bin(%s, 5)", types(tLong), false, func(a []any) any { return floorTo(a[0].(int64), 5) }},
		rule{tReal, "bin(%s, 0.5)", types(tReal), false, func(a []any) any { return math.Floor(a[0].(float64)/0.5) * 0.5 }},
		rule{tReal, "floor(%s, 2)", types(tReal), false, func(a []any) any { return math.Floor(a[0].(float64)/2) * 2 }},
		rule{tReal, "bin_at(%s, 2.5, 1.0)", types(tReal), false,
			func(a []any) any { return math.Floor((a[0].(float64)-1)/2.5)*2.5 + 1 }},
		rule{tLong, "bin_at(%s, 7, 3)", types(tLong), false, func(a []any) any { return floorTo(a[0].(int64)-3, 7) + 3 }},
		rule{tLong, "binary_shift_left(%s, 3)", types(tInt), false, func(a []any) any { return a[0].(int64) << 3 }},
		rule{tLong, "binary_shift_right(%s, 2)", types(tInt), false, func(a []any) any {
			if a[0].(int64) < 0 {
				panic(undecided{"whether a shift keeps the sign"})
			}
			return a[0].(int64) >> 2
		}},
		rule{tText, "tohex(%s)", types(tLong), false, func(a []any) any {
			return strconv.FormatUint(uint64(a[0].(int64)), 16)
		}},
		rule{tReal, "pow(%s, 2)", types(tReal), false, func(a []any) any { return math.Pow(a[0].(float64), 2) }},
		rule{tReal, "exp2(%s)", types(tInt), false, func(a []any) any { return math.Exp2(number(a[0])) }},
		rule{tReal, "log(%s)", types(tReal), false, func(a []any) any {
			if a[0].(float64) < 0 || math.IsNaN(a[0].(float64)) {
				panic(undecided{"the logarithm of no number"})
			}
			return math.Log(a[0].(float64))
		}},
		rule{tReal, "round(%s, 1)", types(tInt), false, func(a []any) any { return number(a[0]) }},
		integer("abs", func(x int64) any { return max(x, -x) }),
		integer("binary_not", func(x int64) any { return ^x }),
		rule{tLong, "binary_and(%s, %s)", types(tLong, tLong), false,
			func(a []any) any { return a[0].(int64) & a[1].(int64) }},
		rule{tLong, "binary_or(%s, %s)", types(tLong, tLong), false,
			func(a []any) any { return a[0].(int64) | a[1].(int64) }},
		rule{tLong, "binary_xor(%s, %s)", types(tLong, tLong), false,
			func(a []any) any { return a[0].(int64) ^ a[1].(int64) }},
		real("abs", func(x float64) any { return math.Abs(x) }),
		real("sqrt", func(x float64) any { return math.Sqrt(x) }),
		real("exp", func(x float64) any { return math.Exp(x) }),
		real("ceiling", func(x float64) any { return math.Ceil(x) }),
		real("atan", func(x float64) any { return math.Atan(x) }),
		rule{tBool, "isnan(%s)", types(tReal), true, func(a []any) any { return a[0] != nil && math.IsNaN(a[0].(float64)) }},
		rule{tBool, "isinf(%s)", types(tReal), true, func(a []any) any {
			return a[0] != nil && math.IsInf(a[0].(float64), 0)
		}},
		rule{tBool, "isfinite(%s)", types(tReal), true, func(a []any) any {
			return a[0] != nil && !math.IsInf(a[0].(float64), 0) && !math.IsNaN(a[0].(float64))
		}})
}

// number is an integer or real as real.
func number(v any) float64 {
	if n, ok := v.(int64); ok {
		return float64(n)
	}
	return v.(float64)
}

func textRules() []rule {
	text := func(format string, f func(s string) any) rule {
		return rule{tText, format, types(tText), false, func(a []any) any { return f(a[0].(string)) }}
	}
	integer := func(format string, f func(s string) any) rule {
		r := text(format, f)
		r.result = tLong
		return r
	}
	cut := func(s string, from, length int) string {
		runes := []rune(s)
		from = min(from, len(runes))
		return string(runes[from:min(from+length, len(runes))])
	}
	index := func(s, part string, from int) any {
		runes := []rune(s)
		for i := from; i <= len(runes); i++ {
			if strings.HasPrefix(string(runes[i:]), part) {
				return int64(i)
			}
		}
		return int64(-1)
	}
	var out []rule
	for _, t := range types(tBool, tInt, tLong, tText, tTime, tSpan, tGUID) {
		out = append(out, rule{tText, "tostring(%s)", types(t), true, func(a []any) any { return asText(t, a[0]) }},
			rule{tText, "strcat(%s, '|', %s)", types(tText, t), true,
				func(a []any) any { return a[0].(string) + "|" + asText(t, a[1]) }},
			rule{tText, "strcat_delim('-', %s, %s)", types(t, tText), true,
				func(a []any) any { return asText(t, a[0]) + "-" + a[1].(string) }},
			rule{tLong, "strlen(%s)", types(t), true, func(a []any) any {
				return int64(utf8.RuneCountInString(asText(t, a[0])))
			}})
	}
	return append(out,
		text("tolower(%s)", func(s string) any { return strings.ToLower(s) }),
		text("toupper(%s)", func(s string) any { return strings.ToUpper(s) }),
		text("reverse(%s)", func(s string) any {
			runes := []rune(s)
			for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
				runes[i], runes[j] = runes[j], runes[i]
			}
			return string(runes)
		}),
		text("substring(%s, 1)", func(s string) any { return cut(s, 1, math.MaxInt32) }),
		text("substring(%s, 0, 2)", func(s string) any { return cut(s, 0, 2) }),
		text("substring(%s, 2, 3)", func(s string) any { return cut(s, 2, 3) }),
		text("replace_string(%s, 'a', 'bb')", func(s string) any { return strings.ReplaceAll(s, "a", "bb") }),
		text("replace_regex(%s, '[ab]+', '-')", func(s string) any {
			out, run := "", false
			for _, c := range s {
				if c == 'a' || c == 'b' {
					if !run {
						out += "-"
					}
					run = true
					continue
				}
				out, run = out+string(c), false
			}
			return out
		}),
		text("trim('[ab]+', %s)", func(s string) any { return strings.Trim(s, "ab") }),
		text("trim_start(' +', %s)", func(s string) any { return strings.TrimLeft(s, " ") }),
		text("trim_end('[0-9]+', %s)", func(s string) any { return strings.TrimRight(s, "0123456789") }),
		text("strrep(%s, 2, '+')", func(s string) any { return s + "+" + s }),
		text("tostring(split(%s, ',')[1])", func(s string) any {
			if parts := strings.Split(s, ","); len(parts) > 1 {
				return parts[1]
			}
			return ""
		}),
		text("extract('([a-z]+)', 1, %s)", func(s string) any {
			from := strings.IndexFunc(s, func(c rune) bool { return c >= 'a' && c <= 'z' })
			if from < 0 {
				return ""
			}
			end := strings.IndexFunc(s[from:], func(c rune) bool { return c < 'a' || c > 'z' })
			if end < 0 {
				return s[from:]
			}
			return s[from : from+end]
		}),
		text("base64_decode_tostring(base64_encode_tostring(%s))", func(s string) any { return s }),
		text("url_decode(url_encode_component(%s))", func(s string) any { return s }),
		text("substring(%s, -2)", func(s string) any {
			runes := []rune(s)
			if len(runes) < 2 {
				return ""
			}
			return string(runes[len(runes)-2:])
		}),
		text("strcat_array(split(%s, ','), ';')", func(s string) any { return strings.ReplaceAll(s, ",", ";") }),
		text("translate('ab', 'xy', %s)", func(s string) any { return strings.NewReplacer("a", "x", "b", "y").Replace(s) }),
		text("tostring(split(%s, 'a', 0)[0])", func(s string) any { first, _, _ := strings.Cut(s, "a"); return first }),
		text("tostring(todynamic(strcat('[1, \"', %s, '\"]'))[1])", func(s string) any {
			if strings.ContainsAny(s, "\\\"\t") {
				panic(undecided{"text that JSON escapes"})
			}
			return s
		}),
		integer("countof(%s, '[a-z]', 'regex')", func(s string) any {
			n := int64(0)
			for _, c := range s {
				if c >= 'a' && c <= 'z' {
					n++
				}
			}
			return n
		}),
		integer("has_any_index(%s, dynamic(['b', 'a']))", func(s string) any {
			for i, term := range []string{"b", "a"} {
				if hasTerm(strings.ToLower(s), term, false, false) {
					return int64(i)
				}
			}
			return int64(-1)
		}),
		integer("array_length(extract_all('([0-9])', %s))", func(s string) any {
			n := int64(0)
			for _, c := range s {
				if c >= '0' && c <= '9' {
					n++
				}
			}
			if n == 0 {
				return nil
			}
			return n
		}),
		integer("string_size(%s)", func(s string) any { return int64(len(s)) }),
		integer("countof(%s, 'a')", func(s string) any { return int64(strings.Count(s, "a")) }),
		integer("indexof(%s, 'b')", func(s string) any { return index(s, "b", 0) }),
		integer("indexof(%s, 'c', 2)", func(s string) any { return index(s, "c", 2) }),
		integer("array_length(split(%s, ','))", func(s string) any { return int64(strings.Count(s, ",") + 1) }),
		rule{tLong, "strcmp(%s, %s)", types(tText, tText), false,
			func(a []any) any { return int64(strings.Compare(a[0].(string), a[1].(string))) }})
}

// datetimeOf is a datetime if it lies in the years 1 to 9999.
func datetimeOf(ticks int64) any {
	if ticks < 0 || ticks > value.MaxDatetime {
		return nil
	}
	return ticks
}

func at(v any) time.Time { return value.TimeOf(v.(int64)) }

func day(year int, month time.Month, d int) int64 {
	return value.TicksOf(time.Date(year, month, d, 0, 0, 0, 0, time.UTC))
}

// spans are lengths of time to round to.
var spans = map[string]int64{"1h": value.Hour, "1d": value.Day, "7d": 7 * value.Day, "10m": 10 * value.Minute}

func timeRules() []rule {
	var out []rule
	starts := map[string]func(t time.Time, n int) int64{
		"day":   func(t time.Time, n int) int64 { return day(t.Year(), t.Month(), t.Day()+n) },
		"week":  func(t time.Time, n int) int64 { return day(t.Year(), t.Month(), t.Day()-int(t.Weekday())+7*n) },
		"month": func(t time.Time, n int) int64 { return day(t.Year(), t.Month()+time.Month(n), 1) },
		"year":  func(t time.Time, n int) int64 { return day(t.Year()+n, 1, 1) },
	}
	for unit, start := range starts {
		for suffix, n := range map[string]int{")": 0, ", -1)": -1, ", 2)": 2} {
			out = append(out, rule{tTime, "startof" + unit + "(%s" + suffix, types(tTime), false,
				func(a []any) any { return datetimeOf(start(at(a[0]), n)) }},
				rule{tTime, "endof" + unit + "(%s" + suffix, types(tTime), false,
					func(a []any) any { return datetimeOf(start(at(a[0]), n+1) - 1) }})
		}
	}
	for text, span := range spans {
		out = append(out, rule{tTime, "bin(%s, " + text + ")", types(tTime), false,
			func(a []any) any { return floorTo(a[0].(int64), span) }},
			rule{tSpan, "bin(%s, " + text + ")", types(tSpan), false, func(a []any) any { return floorTo(a[0].(int64), span) }},
			rule{tSpan, "(%s %% " + text + ")", types(tTime), false, func(a []any) any { return remainder(a[0].(int64), span) }},
			rule{tSpan, "(%s %% " + text + ")", types(tSpan), false, func(a []any) any { return remainder(a[0].(int64), span) }},
			rule{tReal, "(%s / " + text + ")", types(tSpan), false,
				func(a []any) any { return float64(a[0].(int64)) / float64(span) }},
			rule{tTime, "(%s + " + text + ")", types(tTime), false,
				func(a []any) any { return datetimeOf(a[0].(int64) + span) }},
			rule{tTime, "(%s - " + text + ")", types(tTime), false,
				func(a []any) any { return datetimeOf(a[0].(int64) - span) }})
	}
	part := func(format string, f func(t time.Time) int) rule {
		return rule{tLong, format, types(tTime), false, func(a []any) any { return int64(f(at(a[0]))) }}
	}
	isoWeek := func(t time.Time) int { _, w := t.ISOWeek(); return w }
	months := func(t time.Time) int { return t.Year()*12 + int(t.Month()) }
	for name, count := range map[string]func(ticks int64) int64{
		"year":    func(t int64) int64 { return int64(value.TimeOf(t).Year()) },
		"month":   func(t int64) int64 { return int64(months(value.TimeOf(t))) },
		"quarter": func(t int64) int64 { return int64((months(value.TimeOf(t)) - 1) / 3) },
		"day":     func(t int64) int64 { return t / value.Day }, "hour": func(t int64) int64 { return t / value.Hour },
		"minute": func(t int64) int64 { return t / value.Minute }, "second": func(t int64) int64 { return t / value.Second },
	} {
		out = append(out, rule{tLong, "datetime_diff('" + name + "', %s, %s)", types(tTime, tTime), false,
			func(a []any) any { return count(a[0].(int64)) - count(a[1].(int64)) }})
	}
	for name, n := range map[string]int{"month": 1, "quarter": 3, "year": 12} {
		for _, count := range []int{1, -1, 13} {
			out = append(out, rule{tTime, fmt.Sprintf("datetime_add('%s', %d, %%s)", name, count), types(tTime), false,
				func(a []any) any { return addMonths(a[0].(int64), n*count) }})
		}
	}
	return append(out,
		rule{tBool, "(%s between (%s .. 30d))", types(tTime, tTime), false, func(a []any) any {
			last := datetimeOf(a[1].(int64) + 30*value.Day)
			return between([]any{a[0], a[1], last})
		}},
		rule{tTime, "bin_at(%s, 7d, datetime(2000-01-02))", types(tTime), false, func(a []any) any {
			from := day(2000, 1, 2)
			return datetimeOf(from + floorTo(a[0].(int64)-from, 7*value.Day))
		}},
		rule{tText, "format_datetime(%s, 'd/M/yy h:m:s tt')", types(tTime), false,
			func(a []any) any { return at(a[0]).Format("2/1/06 3:4:5 PM") }},
		rule{tTime, "make_datetime(getyear(%s), monthofyear(%s), 1)", types(tTime, tTime), false,
			func(a []any) any { return day(at(a[0]).Year(), at(a[1]).Month(), 1) }},
		rule{tTime, "datetime_local_to_utc(datetime_utc_to_local(%s, 'Etc/GMT-3'), 'Etc/GMT-3')", types(tTime), false,
			func(a []any) any {
				if datetimeOf(a[0].(int64)+3*value.Hour) == nil {
					panic(undecided{"a local time beyond all times"})
				}
				return a[0]
			}},
		rule{tSpan, "(%s - %s)", types(tTime, tTime), false, func(a []any) any { return a[0].(int64) - a[1].(int64) }},
		rule{tTime, "(%s + %s)", types(tTime, tSpan), false,
			func(a []any) any { return datetimeOf(a[0].(int64) + a[1].(int64)) }},
		rule{tTime, "(%s + %s)", types(tSpan, tTime), false,
			func(a []any) any { return datetimeOf(a[0].(int64) + a[1].(int64)) }},
		rule{tSpan, "(%s + %s)", types(tSpan, tSpan), false,
			func(a []any) any { return exact("+", a[0].(int64), a[1].(int64)) }},
		rule{tSpan, "(%s * 3)", types(tSpan), false, func(a []any) any { return exact("*", a[0].(int64), 3) }},
		rule{tSpan, "(-%s)", types(tSpan), false, func(a []any) any { return -a[0].(int64) }},
		rule{tReal, "(%s / %s)", types(tSpan, tSpan), false,
			func(a []any) any { return float64(a[0].(int64)) / float64(a[1].(int64)) }},
		rule{tSpan, "dayofweek(%s)", types(tTime), false, func(a []any) any { return int64(at(a[0]).Weekday()) * value.Day }},
		part("getyear(%s)", time.Time.Year), part("monthofyear(%s)", func(t time.Time) int { return int(t.Month()) }),
		part("dayofmonth(%s)", time.Time.Day),
		part("dayofyear(%s)", time.Time.YearDay), part("hourofday(%s)", time.Time.Hour), part("week_of_year(%s)", isoWeek),
		part("datetime_part('minute', %s)", time.Time.Minute),
		part("datetime_part('quarter', %s)", func(t time.Time) int { return (int(t.Month()) + 2) / 3 }),
		rule{tText, "format_datetime(%s, 'yyyy-MM-dd HH:mm:ss.fffffff')", types(tTime), false, func(a []any) any {
			return at(a[0]).Format("2006-01-02 15:04:05") + fmt.Sprintf(".%07d", a[0].(int64)%value.Second)
		}},
		rule{tTime, "todatetime(tostring(%s))", types(tTime), false, func(a []any) any { return a[0] }},
		rule{tSpan, "totimespan(tostring(%s))", types(tSpan), false, func(a []any) any { return a[0] }},
		rule{tTime, "unixtime_seconds_todatetime(%s)", types(tInt), false,
			func(a []any) any { return datetimeOf(value.UnixEpoch + a[0].(int64)*value.Second) }},
		rule{tLong, "tolong(%s)", types(tTime), false, func(a []any) any { return a[0] }},
		rule{tLong, "tolong(%s)", types(tSpan), false, func(a []any) any { return a[0] }})
}

// addMonths keeps the day of the month, or takes the last of a shorter one.
func addMonths(ticks int64, n int) any {
	t := value.TimeOf(ticks)
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	if first.Year() < 1 || first.Year() > 9999 {
		return nil
	}
	return day(first.Year(), first.Month(), min(t.Day(), last)) + ticks%value.Day
}

// dynamicRules: "The dynamic data type".
func dynamicRules() []rule {
	element := func(d any, i int) any {
		list, ok := d.([]any)
		if i < 0 {
			i += len(list)
		}
		if !ok || i < 0 || i >= len(list) {
			return nil
		}
		return list[i]
	}
	property := func(d any, name string) any {
		bag, _ := d.(map[string]any)
		return bag[name]
	}
	out := []rule{
		{tDyn, "%s['k']", types(tDyn), false, func(a []any) any { return property(a[0], "k") }},
		{tDyn, "%s['a b']", types(tDyn), false, func(a []any) any { return property(a[0], "a b") }},
		{tDyn, "%s['k'].k", types(tDyn), false, func(a []any) any { return property(property(a[0], "k"), "k") }},
		{tDyn, "%s[0]", types(tDyn), false, func(a []any) any { return element(a[0], 0) }},
		{tDyn, "%s[-1]", types(tDyn), false, func(a []any) any { return element(a[0], -1) }},
		{tDyn, "%s['l'][1]", types(tDyn), false, func(a []any) any { return element(property(a[0], "l"), 1) }},
		{tLong, "array_length(%s)", types(tDyn), false, func(a []any) any {
			if list, ok := a[0].([]any); ok {
				return int64(len(list))
			}
			return nil
		}},
		{tText, "gettype(%s)", types(tDyn), true, func(a []any) any { return typeOf(a[0]) }},
		{tText, "tostring(%s)", types(tDyn), true, func(a []any) any {
			switch v := a[0].(type) {
			case nil:
				return ""
			case string:
				return v
			case bool:
				return strconv.FormatBool(v)
			case int64:
				return fmt.Sprint(v)
			}
			panic(undecided{"how JSON is written"})
		}},
		{tLong, "tolong(%s)", types(tDyn), false, func(a []any) any {
			switch v := a[0].(type) {
			case int64:
				return v
			case float64:
				return int64(v)
			case string:
				return parseLong(v)
			case bool:
				panic(undecided{"a boolean within a dynamic as a number"})
			}
			return nil
		}},
		{tDyn, "parse_json(tostring(%s))", types(tDyn), false, func(a []any) any {
			if _, ok := a[0].(string); ok {
				panic(undecided{"a string read as JSON"})
			}
			return a[0]
		}},
		{tDyn, "array_concat(%s, dynamic([7]))", types(tDyn), true, func(a []any) any {
			list, ok := a[0].([]any)
			if !ok && a[0] != nil {
				panic(undecided{"what is no array among arrays"})
			}
			return append(append([]any{}, list...), int64(7))
		}},
		{tDyn, "array_reverse(%s)", types(tDyn), false, func(a []any) any {
			list, ok := a[0].([]any)
			if !ok {
				panic(undecided{"what is no array among arrays"})
			}
			turned := make([]any, len(list))
			for i, v := range list {
				turned[len(list)-1-i] = v
			}
			return turned
		}},
		{tDyn, "array_slice(%s, 1, -1)", types(tDyn), false, func(a []any) any {
			list, ok := a[0].([]any)
			if !ok || len(list) == 0 {
				panic(undecided{"a slice of what has no elements"})
			}
			return append([]any{}, list[1:]...)
		}},
	}
	for _, t := range types(tBool, tInt, tLong, tText, tDyn) {
		out = append(out, rule{tDyn, "pack_array(%s, 1)", types(t), true, func(a []any) any { return []any{a[0], int64(1)} }},
			rule{tDyn, "bag_pack('k', %s)", types(t), true, func(a []any) any { return map[string]any{"k": a[0]} }},
			rule{tDyn, "todynamic(%s)", types(tLong), false, func(a []any) any { return a[0] }})
	}
	return out
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case int64:
		return "long"
	case float64:
		return "double"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "dictionary"
}

// parseLong is tolong() of text.
func parseLong(s string) any {
	digits, base := s, 10
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		digits, base = rest, 16
	}
	n, err := strconv.ParseInt(digits, base, 64)
	if err != nil {
		if strings.TrimSpace(s) != s {
			panic(undecided{"blanks around a number"})
		}
		return nil
	}
	return n
}

func conversionRules() []rule {
	whole := func(v any, low, high float64) any {
		f := math.Trunc(number(v))
		if math.IsNaN(f) || f < low || f >= high {
			return nil
		}
		return int64(f)
	}
	return []rule{
		{tLong, "tolong(%s)", types(tReal), false, func(a []any) any { return whole(a[0], -9.3e18, 9.2e18) }},
		{tInt, "toint(%s)", types(tReal), false, func(a []any) any { return whole(a[0], -2147483648, 2147483648) }},
		{tInt, "toint(%s)", types(tLong), false, func(a []any) any { return whole(a[0], -2147483648, 2147483648) }},
		{tLong, "tolong(%s)", types(tText), false, func(a []any) any { return parseLong(a[0].(string)) }},
		{tLong, "tolong(%s)", types(tBool), false, func(a []any) any { return int64(b2n(a[0].(bool))) }},
		{tReal, "toreal(%s)", types(tLong), false, func(a []any) any { return number(a[0]) }},
		{tReal, "todouble(tostring(%s))", types(tLong), false, func(a []any) any { return number(a[0]) }},
		{tBool, "tobool(%s)", types(tLong), false, func(a []any) any { return a[0].(int64) != 0 }},
		{tBool, "tobool(tostring(%s))", types(tBool), false, func(a []any) any { return a[0] }},
		{tGUID, "toguid(tostring(%s))", types(tGUID), false, func(a []any) any { return a[0] }},
		{tLong, "tolong(tostring(%s))", types(tLong), false, func(a []any) any { return a[0] }},
	}
}

// arrayRules: the pages of the functions named, over arrays; what is none leaves the case open.
func arrayRules() []rule {
	array := func(result value.Type, format string, f func(list []any) any) rule {
		return rule{result, format, types(tDyn), false, func(a []any) any {
			list, ok := a[0].([]any)
			if !ok {
				panic(undecided{"what is no array among arrays"})
			}
			return f(list)
		}}
	}
	bag := func(result value.Type, format string, f func(bag map[string]any) any) rule {
		return rule{result, format, types(tDyn), strings.HasPrefix(format, "bag_merge"), func(a []any) any {
			m, ok := a[0].(map[string]any)
			if !ok && a[0] != nil {
				panic(undecided{"what is no bag among bags"})
			}
			return f(m)
		}}
	}
	at := func(list []any, i int) any {
		if i < 0 || i >= len(list) {
			return nil
		}
		return list[i]
	}
	shifted := func(by int, around bool) func(list []any) any {
		return func(list []any) any {
			out := make([]any, len(list))
			for i := range out {
				from := i + by
				if around {
					from = (from + 10*len(list)) % len(list)
				}
				out[i] = at(list, from)
			}
			return out
		}
	}
	return []rule{
		array(tDyn, "array_rotate_left(%s, 1)", shifted(1, true)),
		array(tDyn, "array_rotate_right(%s, 2)", shifted(-2, true)),
		array(tDyn, "array_shift_left(%s, 1)", shifted(1, false)),
		array(tDyn, "array_shift_right(%s, 1)", shifted(-1, false)),
		array(tLong, "array_index_of(%s, 2)", func(list []any) any { return int64(slices.Index(list, any(int64(2)))) }),
		array(tDyn, "zip(%s, dynamic([1, 2]))", func(list []any) any {
			out := []any{}
			for i := range max(len(list), 2) {
				out = append(out, []any{at(list, i), at([]any{int64(1), int64(2)}, i)})
			}
			return out
		}),
		array(tBool, "set_has_element(%s, 'x')", func(list []any) any { return slices.Contains(list, any("x")) }),
		bag(tLong, "array_length(bag_keys(%s))", func(m map[string]any) any { return int64(len(m)) }),
		bag(tBool, "bag_has_key(%s, 'k')", func(m map[string]any) any { _, ok := m["k"]; return ok }),
		bag(tDyn, "bag_remove_keys(%s, dynamic(['k']))", func(m map[string]any) any {
			out := map[string]any{}
			for k, v := range m {
				if k != "k" {
					out[k] = v
				}
			}
			return out
		}),
		bag(tDyn, "bag_merge(%s, dynamic({'k': 9, 'z': 1}))", func(m map[string]any) any {
			out := map[string]any{"k": int64(9), "z": int64(1)}
			for k, v := range m {
				out[k] = v
			}
			return out
		}),
		bag(tDyn, "bag_set_key(%s, 'k', 4)", func(m map[string]any) any {
			out := map[string]any{}
			for k, v := range m {
				out[k] = v
			}
			out["k"] = int64(4)
			return out
		}),
		{tDyn, "range(1, %s)", types(tInt), false, func(a []any) any {
			n := a[0].(int64)
			if n < 1 || n > 100 {
				panic(undecided{"a range without elements, or too many"})
			}
			out := []any{}
			for i := int64(1); i <= n; i++ {
				out = append(out, i)
			}
			return out
		}},
	}
}

func hashRules() []rule {
	text := func(format string, f func(s []byte) string) rule {
		return rule{tText, format, types(tText), false, func(a []any) any { return f([]byte(a[0].(string))) }}
	}
	return []rule{
		text("hash_md5(%s)", func(s []byte) string { return fmt.Sprintf("%x", md5.Sum(s)) }),
		text("hash_sha1(%s)", func(s []byte) string { return fmt.Sprintf("%x", sha1.Sum(s)) }),
		text("hash_sha256(%s)", func(s []byte) string { return fmt.Sprintf("%x", sha256.Sum256(s)) }),
	}
}
