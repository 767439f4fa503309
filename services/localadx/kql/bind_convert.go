package kql

import (
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/scalar"
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// goCall returns SQL that calls a Go function of package scalar.
func goCall(name string, result Type, args ...string) string {
	return callGo(scalar.SQLName(name, result), args)
}

// callGo calls a Go function by its name in the database. It gets the query that it works for.
func callGo(function string, args []string) string {
	return call(function, append([]string{scalar.RunNumber + "()"}, args...)...)
}

// bindCoerce converts an expression to a type, as the to…() functions do: what cannot be converted
// is null ("" for string).
func bindCoerce(b *binder, e *expr, to Type) *expr {
	if e.typ == to {
		return e
	}
	if e.isConst {
		if folded, ok := foldConversion(e, to); ok {
			folded.at = e.at
			return folded
		}
	}
	sql := conversion(e.sql, e.typ, to)
	if sql == "" {
		b.fail(e.at, syntax.CodeArguments, "A value of type %s cannot be converted to %s", e.typ, to)
	}
	lossless := e.typ.Numeric() && (to == value.Real || to == value.Long && e.typ == value.Int)
	return &expr{sql: sql, typ: to, at: e.at, name: e.name, nullable: to != value.String && (e.nullable || !lossless)}
}

// bindAsText converts any scalar to its tostring() form.
func bindAsText(b *binder, e *expr) *expr { return bindCoerce(b, e, value.String) }

// bindJson converts any scalar to a dynamic value.
func bindJson(b *binder, e *expr) *expr { return bindCoerce(b, e, value.Dynamic) }

// foldConversion converts a constant.
func foldConversion(e *expr, to Type) (*expr, bool) {
	if e.konst == nil {
		if to == value.String {
			return constant(to, "", e.at), true
		}
		return constant(to, nil, e.at), true
	}
	switch v := e.konst.(type) {
	case int64:
		if !e.typ.Integer() {
			break
		}
		switch to {
		case value.Real:
			return constant(to, float64(v), e.at), true
		case value.Long:
			return constant(to, v, e.at), true
		case value.Int:
			if int64(int32(v)) == v {
				return constant(to, v, e.at), true
			}
			return constant(to, nil, e.at), true
		case value.String:
			return constant(to, strconv.FormatInt(v, 10), e.at), true
		case value.Decimal:
			return constant(to, strconv.FormatInt(v, 10), e.at), true
		case value.Dynamic:
			return constant(to, strconv.FormatInt(v, 10), e.at), true
		}
	case float64:
		if to == value.Decimal {
			if number, ok := scalar.RealDecimal(v); ok {
				return constant(to, number.String(), e.at), true
			}
			return constant(to, nil, e.at), true
		}
		if to == value.String {
			return constant(to, value.FormatReal(v), e.at), true
		}
	case string:
		return foldText(e, v, to)
	}
	return nil, false
}

func foldText(e *expr, text string, to Type) (*expr, bool) {
	if e.typ == value.Dynamic {
		decoded, err := value.DecodeDynamic(text)
		if err != nil {
			return nil, false
		}
		if to == value.String {
			return constant(to, value.DynamicText(decoded), e.at), true
		}
		if s, ok := decoded.(string); ok && (to == value.Datetime || to == value.Timespan || to == value.GUID) {
			return foldText(constant(value.String, s, e.at), s, to)
		}
		return nil, false
	}
	if e.typ != value.String {
		return nil, false
	}
	var v any
	switch to {
	case value.Datetime:
		if ticks, ok := value.ParseDatetime(text); ok {
			v = ticks
		}
	case value.Timespan:
		if ticks, ok := value.ParseTimespan(text); ok {
			v = ticks
		}
	case value.GUID:
		if g, ok := value.ParseGUID(text); ok {
			v = g
		}
	case value.Dynamic:
		v = string(value.AppendQuoted(nil, text))
	default:
		return nil, false
	}
	return constant(to, v, e.at), true
}

// conversion returns SQL that converts between two types, "" if Kusto has no such conversion.
func conversion(sql string, from, to Type) string {
	if from == value.Unknown {
		return "CAST(" + sql + " AS " + to.Physical() + ")"
	}
	switch to {
	case value.String:
		return textConversion(sql, from)
	case value.Dynamic:
		return jsonConversion(sql, from)
	case value.Bool:
		switch {
		case from == value.Decimal:
			return "(" + sql + " <> " + literalSQL(value.Decimal, "0") + ")"
		case from.Numeric():
			return "(" + sql + " <> 0)"
		case from == value.String || from == value.Dynamic:
			return goCall("to_bool", value.Bool, sqlText(sql, from))
		}
	case value.Long, value.Int:
		return integerConversion(sql, from, to)
	case value.Real:
		switch from {
		case value.Int, value.Long, value.Bool, value.Datetime, value.Timespan:
			return "CAST(" + sql + " AS DOUBLE)"
		case value.Decimal:
			return goCall("decimal_to_real", value.Real, sql)
		case value.Dynamic:
			return goCall("dynamic_to_real", value.Real, sql)
		case value.String:
			return goCall("to_real", value.Real, sql)
		}
	case value.Decimal:
		switch from {
		case value.Int, value.Long, value.Bool:
			return goCall("long_to_decimal", value.Decimal, "CAST("+sql+" AS BIGINT)")
		case value.Real:
			return goCall("real_to_decimal", value.Decimal, sql)
		case value.String, value.Dynamic:
			return goCall("to_decimal", value.Decimal, sqlText(sql, from))
		}
	case value.Datetime:
		switch from {
		case value.Long, value.Int:
			return "CAST(" + sql + " AS BIGINT)"
		case value.String, value.Dynamic:
			return goCall("to_datetime", value.Datetime, sqlText(sql, from))
		}
	case value.Timespan:
		switch from {
		case value.Long, value.Int:
			return "CAST(" + sql + " AS BIGINT)"
		case value.String, value.Dynamic:
			return goCall("to_timespan", value.Timespan, sqlText(sql, from))
		}
	case value.GUID:
		if from == value.String || from == value.Dynamic {
			return "CAST(" + goCall("to_guid", value.GUID, sqlText(sql, from)) + " AS UUID)"
		}
	}
	return ""
}

// sqlText returns a string or dynamic as text without the quotes of a JSON string.
func sqlText(sql string, from Type) string {
	if from == value.Dynamic {
		return textConversion(sql, from)
	}
	return sql
}

func integerConversion(sql string, from, to Type) string {
	out := ""
	switch from {
	case value.Int, value.Datetime, value.Timespan, value.Long:
		out = sql
	case value.Bool:
		out = "CAST(" + sql + " AS BIGINT)"
	case value.Decimal:
		out = goCall("decimal_to_long", value.Long, sql)
	case value.Real:
		out = "TRY_CAST(trunc(" + sql + ") AS BIGINT)"
	case value.String:
		out = goCall("to_long", value.Long, sql)
	case value.Dynamic:
		out = goCall("dynamic_to_long", value.Long, sql)
	default:
		return ""
	}
	if to == value.Int {
		// A comparison of a cast between integers with a constant is one of what was cast to the
		// optimizer, which forgets that the cast may give null. A double holds all that an int can.
		return "TRY_CAST(CAST(" + out + " AS DOUBLE) AS INTEGER)"
	}
	return "CAST(" + out + " AS BIGINT)"
}

func textConversion(sql string, from Type) string {
	switch from {
	case value.Bool:
		return "CASE WHEN " + sql + " THEN 'True' WHEN NOT " + sql + " THEN 'False' ELSE '' END"
	case value.Int, value.Long, value.GUID:
		return notNullString("CAST(" + sql + " AS VARCHAR)")
	case value.Decimal:
		return goCall("decimal_text", value.String, sql)
	case value.Real:
		return goCall("real_text", value.String, sql)
	case value.Datetime:
		return goCall("datetime_text", value.String, sql)
	case value.Timespan:
		return goCall("timespan_text", value.String, sql)
	case value.Dynamic:
		return "coalesce(CASE WHEN starts_with(" + sql + ", '\"') THEN json_extract_string(" + sql + ", '$') ELSE " +
			sql + " END, '')"
	}
	return ""
}

func jsonConversion(sql string, from Type) string {
	switch from {
	case value.Bool, value.Int, value.Long:
		return "CAST(" + sql + " AS VARCHAR)"
	case value.Decimal:
		return goCall("decimal_json", value.Dynamic, sql)
	case value.Real:
		return goCall("real_json", value.Dynamic, sql)
	case value.String:
		return "CAST(to_json(" + sql + ") AS VARCHAR)"
	case value.GUID:
		return "'\"' || CAST(" + sql + " AS VARCHAR) || '\"'"
	case value.Datetime:
		return goCall("datetime_json", value.Dynamic, sql)
	case value.Timespan:
		return goCall("timespan_json", value.Dynamic, sql)
	}
	return ""
}

// bindCommon returns the type the branches of iff, case, coalesce and the like have together: the
// widest number, the type of the non-null ones, dynamic if one is.
func bindCommon(b *binder, x syntax.Node, exprs []*expr) Type {
	t := value.Unknown
	for _, e := range exprs {
		switch {
		case t == value.Unknown || t == e.typ:
			t = e.typ
		case t.Numeric() && e.typ.Numeric():
			t = promote(t, e.typ)
		case t == value.Dynamic || e.typ == value.Dynamic:
			t = value.Dynamic
		default:
			names := make([]string, len(exprs))
			for i, e := range exprs {
				names[i] = e.typ.String()
			}
			b.failHint(x, syntax.CodeArguments, "use explicit casts", "The arguments must have one type but are %s",
				strings.Join(names, ", "))
		}
	}
	return t
}

// promote returns the type both numeric types widen to.
func promote(a, c Type) Type {
	if numericRank[a] < numericRank[c] {
		return c
	}
	return a
}
