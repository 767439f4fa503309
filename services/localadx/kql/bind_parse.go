package kql

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/scalar"
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindParseOperator binds parse and parse-where: a pattern becomes one regular expression, its
// columns groups of it. In kind=simple a row whose columns do not all convert counts as not
// matched.
func bindParseOperator(b *binder, rel *relation, op syntax.ParseOp, s *scope) *relation {
	if op.Kind != "simple" && op.Kind != "regex" && op.Kind != "relaxed" {
		b.fail(op, syntax.CodeSyntax, "parse: the kind '%s' is not known", op.Kind)
	}
	text := bindAsText(b, bindScalar(b, op.X, env{scope: s, rel: rel}))
	pattern, columns := bindParsePattern(b, op)
	if err := validRegex(pattern); err != nil {
		b.fail(op, syntax.CodeArguments, "parse: the pattern is not a valid regular expression: %v", err)
	}
	captured := b.newID()
	rel = bindExtend(b, rel,
		[]item{{sql: goCall("captures", value.Dynamic, quoteSQL(pattern), text.sql), col: column{id: captured}}})
	matched := "(" + captured + " IS NOT NULL)"
	var items []item
	var failures []string
	for i, part := range columns {
		raw := &expr{sql: fmt.Sprintf("coalesce(json_extract_string(%s, '$[%d]'), '')", captured, i),
			typ: value.String, at: op}
		id := b.newID()
		sql := bindCoerce(b, raw, part.Type).sql
		if part.Type.Numeric() {
			sql = bindCoerce(b, &expr{sql: "trim(" + raw.sql + ")", typ: value.String, at: op}, part.Type).sql
		}
		items = append(items, item{sql: sql, col: column{name: part.Column, typ: part.Type, id: id}})
		if part.Type != value.String {
			failures = append(failures, id+" IS NULL")
		}
	}
	rel = bindExtend(b, rel, items)
	if op.Kind == "simple" && len(failures) > 0 {
		matched = "(" + matched + " AND NOT (" + strings.Join(failures, " OR ") + "))"
		var strict []item
		for _, it := range items {
			other := "NULL"
			if it.col.typ == value.String {
				other = "''"
			}
			strict = append(strict, item{sql: "CASE WHEN " + matched + " THEN " + it.col.id + " ELSE " + other + " END",
				col: column{name: it.col.name, typ: it.col.typ, id: b.newID()}})
		}
		rel = bindExtend(b, rel, strict)
		items = strict
	}
	cols := replaceColumns(rel.cols, items)
	if op.Where {
		if op.Kind == "relaxed" && len(failures) > 0 {
			matched = "(" + matched + ")"
		}
		rel = bindFilter(b, rel, matched)
	}
	return rel.keep(cols)
}

// numberPatterns capture the types whose text ends by itself: for columns that a '*' follows, and
// all columns of kind=regex. The groups of columns are named, so that groups inside a regular
// expression of the user do not count.
var numberPatterns = map[Type]string{
	value.Int: `(?P<kql>[-+]?[0-9]+)`, value.Long: `(?P<kql>[-+]?[0-9]+)`,
	value.Real: `(?P<kql>[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)`, value.Decimal: `(?P<kql>[-+]?[0-9]*\.?[0-9]+)`,
}

// bindParsePattern builds the regular expression of a pattern.
func bindParsePattern(b *binder, op syntax.ParseOp) (string, []syntax.ParsePart) {
	var out strings.Builder
	any, capture, last := `[\s\S]*?`, `(?P<kql>[\s\S]*?)`, `(?P<kql>[\s\S]*)`
	if op.Kind == "regex" {
		if op.Flags != "" {
			out.WriteString("(?" + op.Flags + ")")
		}
		any, capture, last = `.*?`, `(?P<kql>.*)`, `(?P<kql>.*)`
	} else {
		out.WriteString("^")
	}
	var columns []syntax.ParsePart
	for i, part := range op.Pattern {
		switch {
		case part.Star:
			if i == len(op.Pattern)-1 {
				break
			}
			out.WriteString(any)
		case part.Column != "":
			columns = append(columns, part)
			next := i + 1
			number, isNumber := numberPatterns[part.Type]
			switch {
			case isNumber && (op.Kind == "regex" || next < len(op.Pattern) && op.Pattern[next].Star):
				out.WriteString(number)
			case next == len(op.Pattern):
				out.WriteString(last)
				if op.Kind != "regex" {
					out.WriteString("$")
				}
			default:
				out.WriteString(capture)
			}
		case op.Kind == "regex":
			out.WriteString("(?:" + part.Literal + ")")
		default:
			out.WriteString(regexp.QuoteMeta(part.Literal))
		}
	}
	pattern := out.String()
	for i := range columns {
		pattern = strings.Replace(pattern, "(?P<kql>", fmt.Sprintf("(?P<kql%d>", i), 1)
	}
	return pattern, columns
}

// kvOptions are the properties of parse-kv.
type kvOptions struct {
	pair, kv, regex string
	quotes          string // opening and closing ones by turns
	escapes         string
	greedy          bool
}

// bindParseKV binds parse-kv: named values of a text such as "a=1 b=2".
func bindParseKV(b *binder, rel *relation, op syntax.ParseKVOp, s *scope) *relation {
	text := bindAsText(b, bindScalar(b, op.X, env{scope: s, rel: rel}))
	o := bindKVOptions(b, op, s)
	keys := make([]any, len(op.Columns))
	for i, c := range op.Columns {
		keys[i] = c.Name
	}
	asked := quoteSQL(value.EncodeDynamic(keys))
	found := goCall("parse_kv", value.Dynamic, text.sql, quoteSQL(o.pair), quoteSQL(o.kv), quoteSQL(o.quotes),
		quoteSQL(o.escapes), asked, literalSQL(value.Bool, o.greedy))
	if o.regex != "" {
		found = goCall("parse_kv_regex", value.Dynamic, text.sql, quoteSQL(o.regex), asked)
	}
	bag := b.newID()
	rel = bindExtend(b, rel, []item{{sql: found, col: column{id: bag}}})
	var items []item
	for _, c := range op.Columns {
		raw := bindAsText(b, bindProperty(b, &expr{sql: bag, typ: value.Dynamic}, c.Name))
		items = append(items, item{sql: bindCoerce(b, &expr{sql: raw.sql, typ: value.String, at: op}, c.Type).sql,
			col: column{name: c.Name, typ: c.Type, id: b.newID()}})
	}
	return bindExtend(b, rel, items).keep(replaceColumns(rel.cols, items))
}

// bindKVOptions reads the properties of parse-kv. Without delimiters what is no letter or digit is one.
func bindKVOptions(b *binder, op syntax.ParseKVOp, s *scope) kvOptions {
	var o kvOptions
	given := map[string]bool{}
	for _, p := range op.Properties {
		v := bindConstantValue(b, bindScalar(b, p.X, env{scope: s}), p.Name)
		text := value.DynamicText(v)
		if given[p.Name] && p.Name != "quote" && p.Name != "escape" {
			b.fail(op, syntax.CodeSyntax, "parse-kv: '%s' is given more than once", p.Name)
		}
		given[p.Name] = true
		switch p.Name {
		case "pair_delimiter":
			o.pair = text
		case "kv_delimiter":
			o.kv = text
		case "quote":
			if len(text) == 1 {
				text += text
			}
			if len(text) != 2 || len([]rune(text)) != 2 {
				b.fail(op, syntax.CodeUnsupported, "parse-kv: the quotes must be one or two ASCII characters")
			}
			o.quotes += text
		case "escape":
			if len(text) != 1 {
				b.fail(op, syntax.CodeUnsupported, "parse-kv: an escape must be one ASCII character")
			}
			o.escapes += text
		case "greedy":
			o.greedy, _ = v.(bool)
		case "regex":
			o.regex = text
		default:
			b.fail(op, syntax.CodeSyntax, "parse-kv: the property '%s' is not known", p.Name)
		}
	}
	switch {
	case given["regex"]:
		bindCheckKVRegex(b, op, o.regex, len(given))
	case (o.kv == "") != (o.pair == "") || o.kv == "" && o.greedy:
		b.failHint(op, syntax.CodeUnsupported, "give pair_delimiter and kv_delimiter",
			"parse-kv with one delimiter, or greedy without any, is not supported")
	}
	return o
}

func bindCheckKVRegex(b *binder, op syntax.ParseKVOp, pattern string, given int) {
	if given > 1 {
		b.fail(op, syntax.CodeSyntax, "parse-kv: 'regex' goes with no other property")
	}
	p, err := scalar.ParsePattern(pattern)
	if err != nil {
		b.fail(op, syntax.CodeArguments, "parse-kv: the pattern is not a valid regular expression: %v", err)
	}
	if n := regexp.MustCompile(p.RE2).NumSubexp(); n != 2 {
		b.fail(op, syntax.CodeArguments, "parse-kv: the pattern has %d groups; the key and the value are two", n)
	}
}
