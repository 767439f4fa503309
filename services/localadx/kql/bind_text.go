package kql

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/calypso-cdc/calypso/services/localadx/kql/scalar"
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindStringOperator binds has, contains, startswith, =~ and similar operators. Both sides are taken as text.
func bindStringOperator(b *binder, x syntax.BinaryNode, l, r *expr) *expr {
	op := x.Op
	not := strings.HasPrefix(op, "!")
	switch op {
	case ":":
		op = "has"
	case "!~":
		op, not = "=~", true
	case "notlike", "notcontains", "notcontains_cs":
		op, not = strings.TrimPrefix(op, "not"), true
	}
	op = strings.TrimPrefix(op, "!")
	if l.typ != value.String && l.typ != value.Dynamic {
		if op != "has" && op != "contains" && op != "=~" && l.typ != value.GUID {
			b.failHint(x, syntax.CodeArguments, "use tostring()",
				"Operator '%s' needs a string on its left but this is %s", x.Op, l.typ)
		}
	}
	l, r = bindAsText(b, l), bindAsText(b, r)
	sql := bindStringTest(b, x, op, l, r)
	if not {
		sql = "(NOT " + sql + ")"
	}
	return &expr{sql: sql, typ: value.Bool}
}

// lowered returns the lower-case form of a string expression; a constant is folded here.
func lowered(e *expr) string {
	if s, ok := e.konst.(string); ok {
		return quoteSQL(strings.ToLower(s))
	}
	return "lower(" + e.sql + ")"
}

func bindStringTest(b *binder, x syntax.BinaryNode, op string, l, r *expr) string {
	switch op {
	case "=~":
		return "(" + lowered(l) + " = " + lowered(r) + ")"
	case "contains":
		return call("contains", lowered(l), lowered(r))
	case "contains_cs":
		return call("contains", l.sql, r.sql)
	case "startswith":
		return call("starts_with", lowered(l), lowered(r))
	case "startswith_cs":
		return call("starts_with", l.sql, r.sql)
	case "endswith":
		return call("ends_with", lowered(l), lowered(r))
	case "endswith_cs":
		return call("ends_with", l.sql, r.sql)
	case "matches regex":
		pattern, ok := r.konst.(string)
		if !ok {
			return goCall("matches", value.Bool, l.sql, r.sql)
		}
		parsed, err := scalar.ParsePattern(pattern)
		if err != nil {
			b.fail(x.R, syntax.CodeArguments, "The regular expression is invalid: %v", err)
		}
		if b.terms++; parsed.Boundaries || b.terms > maxTerms {
			return goCall("matches", value.Bool, l.sql, r.sql)
		}
		return call("regexp_matches", l.sql, quoteSQL(parsed.RE2))
	case "like":
		return "(" + lowered(l) + " LIKE " + lowered(r) + ")"
	case "has", "has_cs", "hasprefix", "hasprefix_cs", "hassuffix", "hassuffix_cs":
		return bindHasTest(b, op, l, r)
	}
	b.fail(x, syntax.CodeUnsupported, "The operator '%s' is not supported", x.Op)
	return ""
}

// bindHasTest tests for a term: a run of letters and digits, so that an underscore delimits.
func bindHasTest(b *binder, op string, l, r *expr) string {
	sensitive := strings.HasSuffix(op, "_cs")
	needle, ok := r.konst.(string)
	if !ok {
		args := []string{l.sql, r.sql}
		if !sensitive {
			args = []string{lowered(l), lowered(r)}
		}
		return goCall(strings.TrimSuffix(op, "_cs"), value.Bool, args...)
	}
	return bindHasConstant(b, op, l, needle)
}

// bindHasConstant tests for a constant term: a substring search that rejects most rows, then a regular expression for
// the boundaries, or a function where a query has many of them.
func bindHasConstant(b *binder, op string, l *expr, needle string) string {
	if needle == "" {
		return "TRUE"
	}
	sensitive := strings.HasSuffix(op, "_cs")
	kind := strings.TrimSuffix(op, "_cs")
	haystack := l.sql
	if !sensitive {
		haystack, needle = lowered(l), strings.ToLower(needle)
	}
	candidate := call("contains", haystack, quoteSQL(needle))
	if b.terms++; b.terms > maxTerms {
		return "(" + candidate + " AND " + goCall(kind, value.Bool, haystack, quoteSQL(needle)) + ")"
	}
	pattern := regexp.QuoteMeta(needle)
	first, _ := utf8.DecodeRuneInString(needle)
	last, _ := utf8.DecodeLastRuneInString(needle)
	if kind != "hassuffix" && isTermRune(first) {
		pattern = `(?:^|[^\pL\pN])` + pattern
	}
	if kind != "hasprefix" && isTermRune(last) {
		pattern += `(?:$|[^\pL\pN])`
	}
	return "(" + candidate + " AND " + call("regexp_matches", haystack, quoteSQL(pattern)) + ")"
}

func isTermRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// bindHasList binds has_any and has_all.
func bindHasList(b *binder, x syntax.InNode, v *expr, env env) *expr {
	v = bindAsText(b, v)
	var tests, terms []string
	for _, entry := range x.List {
		if b.isTabular(entry, env.scope) && !bindIsColumn(b, entry, env) {
			rel := b.table(entry, env.scope)
			if len(rel.cols) == 0 {
				b.fail(entry, syntax.CodeArguments, "The table behind '%s' has no columns", x.Op)
			}
			list := &expr{sql: "(SELECT coalesce('[' || string_agg(" + bindJson(b,
				bindColumnExpr(b, rel.cols[0])).sql + ", ',') || ']', '[]') FROM (" + rel.sql + "))"}
			tests = append(tests, goCall(x.Op, value.Bool, v.sql, list.sql))
			continue
		}
		e := bindScalar(b, entry, env)
		if e.typ != value.Dynamic {
			if s, ok := e.konst.(string); ok {
				terms = append(terms, s)
			} else {
				tests = append(tests, goCall("has", value.Bool, lowered(v), lowered(bindAsText(b, e))))
			}
			continue
		}
		if listed, ok := constantTerms(e); ok {
			terms = append(terms, listed...)
			continue
		}
		tests = append(tests, goCall(x.Op, value.Bool, v.sql, e.sql))
	}
	if b.terms+len(terms) > maxTerms && !slices.Contains(terms, "") {
		list := []byte{'['}
		for i, term := range terms {
			if i > 0 {
				list = append(list, ',')
			}
			list = value.AppendQuoted(list, term)
		}
		tests, terms = append(tests, goCall(x.Op, value.Bool, v.sql, quoteSQL(string(append(list, ']'))))), nil
	}
	for _, term := range terms {
		tests = append(tests, bindHasConstant(b, "has", v, term))
	}
	b.plan(x, len(tests))
	join := " OR "
	if x.Op == "has_all" {
		join = " AND "
	}
	if len(tests) == 0 {
		tests = []string{"FALSE"}
	}
	return &expr{sql: "(" + strings.Join(tests, join) + ")", typ: value.Bool}
}

// constantTerms returns the elements of a constant dynamic array as text; false if it is none or empty.
func constantTerms(e *expr) ([]string, bool) {
	text, ok := e.konst.(string)
	if !ok {
		return nil, false
	}
	decoded, err := value.DecodeDynamic(text)
	list, ok := decoded.([]any)
	if err != nil || !ok || len(list) == 0 {
		return nil, false
	}
	terms := make([]string, len(list))
	for i, el := range list {
		terms[i] = value.DynamicText(el)
	}
	return terms, true
}

// patternArguments are the arguments of functions that are regular expressions.
var patternArguments = map[string]int{"extract_all": 0, "extractall": 0, "replace_regex": 1, "replace": 1,
	"indexof_regex": 1, "trim": 0, "trim_start": 0, "trim_end": 0}

// bindCheckPattern refuses a constant regular expression that is invalid, or that would be read as another one.
func bindCheckPattern(b *binder, x syntax.CallNode, args []*expr) {
	i, ok := patternArguments[x.Name]
	if x.Name == "countof" && len(args) == 3 && args[2].konst == "regex" {
		i, ok = 1, true
	}
	if !ok {
		return
	}
	if pattern, ok := args[i].konst.(string); ok && args[i].typ == value.String {
		bindCheckRegex(b, x.Args[i].X, pattern)
	}
}

// timeSpecifiers are the letters of format_datetime by how often they may repeat, and its
// delimiters, from its manual page.
var timeSpecifiers = map[string]map[byte]int{
	"format_datetime": {'y': 4, 'M': 2, 'd': 2, 'h': 2, 'H': 2, 'm': 2, 's': 2, 'f': 7, 'F': 7, 't': 2},
	"format_timespan": {'d': 8, 'h': 2, 'H': 2, 'm': 2, 's': 2, 'f': 7, 'F': 7},
}

const timeDelimiters = " /:,._[]-"

// bindCheckTimeFormat refuses a constant format with anything else in it, such as names of months.
func bindCheckTimeFormat(b *binder, x syntax.CallNode, format *expr, specifiers map[byte]int) {
	text, _ := format.konst.(string)
	for rest := text; rest != ""; {
		n := 1
		for n < len(rest) && rest[n] == rest[0] {
			n++
		}
		if !strings.Contains(timeDelimiters, rest[:1]) && (n > specifiers[rest[0]] || rest[0] == 'y' && n == 3) {
			b.failHint(x, syntax.CodeArguments, "use y M d h H m s f F tt and the delimiters / - : , . _ [ ] and blank",
				"%s(): the format '%s' is not supported", x.Name, text)
		}
		rest = rest[n:]
	}
}
