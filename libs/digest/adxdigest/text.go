package adxdigest

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/kusto"
)

// text is the KQL for a column's canonical text; null becomes the empty text. If it takes several
// steps, they are computed into columns of their own, one operator after the other, so that each
// part is evaluated once.
type text struct {
	// steps are assignments of extend operators, each of which may name what those before it assign.
	steps []string
	// result is the text's expression.
	result string
}

// textOf returns the text of a column. The steps assign columns whose names begin with prefix.
//
// Numbers are split using only whole numbers and products of powers of two, which no engine rounds;
// nothing depends on how an engine writes a number, or on whether it rounds or truncates when it
// converts one to long.
func textOf(c digest.Column, prefix string) text {
	name := kusto.QuoteName(c.Name)
	switch c.Form {
	case digest.Integer:
		return text{result: "tostring(tolong(" + name + "))"}
	case digest.Boolean:
		return text{result: "iff(isnull(tobool(" + name + `)), "", iff(tobool(` + name + `), "true", "false"))`}
	case digest.Date:
		return text{result: "format_datetime(todatetime(" + name + `), "yyyy-MM-dd")`}
	case digest.Timestamp:
		return text{result: "format_datetime(todatetime(" + name + `), "yyyy-MM-dd HH:mm:ss.ffffff")`}
	case digest.Duration:
		return duration(name, prefix)
	case digest.Real:
		return significand(name, prefix, 53, -1074)
	case digest.Single:
		return significand(name, prefix, 24, -149)
	case digest.Decimal:
		return decimal(name, prefix, c.Scale)
	case digest.Text:
	}
	return text{result: "tostring(" + name + ")"}
}

// named fills in a KQL template, in which $x is a column, and any other word after $ a column whose
// name begins with prefix.
func named(x, prefix, template string) string {
	return strings.ReplaceAll(strings.ReplaceAll(template, "$x", x), "$", prefix)
}

// duration writes a timespan as its whole days, rounded down, and the rest. x / 1d is rounded, so
// it may give one day too many.
func duration(x, prefix string) text {
	return text{
		steps: []string{
			named(x, prefix, "$days = tolong($x / 1d)"),
			named(x, prefix, "$days = $days - iff($x < 1d * $days, 1, 0)"),
		},
		result: named(x, prefix,
			`iff(isnull($x), "", strcat(tostring($days), "d", tostring(tolong(($x - 1d * $days) / 1tick))))`),
	}
}

// decimal writes a number as its floor, and the rest in units of the last digit. A number with more
// digits than scale gets a text that differs from all others.
func decimal(x, prefix string, scale int) text {
	return text{
		steps: []string{
			named(x, prefix, "$whole = tolong($x) - iff(todecimal(tolong($x)) > $x, 1, 0)"),
			named(x, prefix, "$rest = ($x - todecimal($whole)) * decimal(1"+strings.Repeat("0", scale)+")"),
		},
		result: named(x, prefix,
			`iff(isnull($x), "", strcat(tostring($whole), ".", tostring(tolong($rest)), iff($rest == todecimal(tolong($rest)), "", "+")))`),
	}
}

// significand splits a floating-point number into a whole number of so many bits and the power of
// two by which it is multiplied, which is lowest for a subnormal number. The logarithm is rounded,
// so its power may be one too high or too low; scaling takes two steps, each within the range of a
// real. A number with more bits is rounded to the nearest, and to even half way.
func significand(x, prefix string, bits, lowest int) text {
	low, high := int64(1)<<(bits-1), int64(1)<<bits
	return text{
		steps: []string{
			named(x, prefix, fmt.Sprintf("$power = max_of(tolong(log2(abs($x))) - %d, %d)", bits-1, lowest)),
			named(x, prefix, "$scaled = abs($x) * exp2(-($power / 2)) * exp2($power / 2 - $power)"),
			named(x, prefix, fmt.Sprintf("$shift = case($scaled >= %d.0, 1, $scaled < %d.0 and $power > %d, -1, 0)",
				high, low, lowest)),
			named(x, prefix, "$scaled = $scaled * exp2(-$shift)"),
			named(x, prefix, "$whole = tolong($scaled)"),
			named(x, prefix, "$rest = $scaled - $whole"),
			named(x, prefix, "$whole = $whole + iff($rest > 0.5 or ($rest == 0.5 and $whole % 2 == 1), 1, 0)"),
		},
		result: named(x, prefix,
			fmt.Sprintf(`case(isnull($x), "", isnan($x), "NaN", isinf($x), iff($x > 0, "Infinity", "-Infinity"), $x == 0, "0",`+
				` strcat(iff($x < 0, "-", ""), tostring(iff($whole == %[1]d, %[2]d, $whole)), "p", tostring($power + $shift + iff($whole == %[1]d, 1, 0))))`, high, low)),
	}
}

// join returns the steps of the columns' texts, as operators, and an expression that joins the
// texts with separators.
func join(columns []digest.Column, prefix string) (steps, joined string) {
	var operators, results []string
	for i, c := range columns {
		t := textOf(c, fmt.Sprintf("%s%d_", prefix, i))
		for n, step := range t.steps {
			if n == len(operators) {
				operators = append(operators, "\n| extend ")
			} else {
				operators[n] += ", "
			}
			operators[n] += step
		}
		results = append(results, t.result)
	}
	var groups []string
	for len(results) > 0 {
		n := min(len(results), maxArguments)
		groups = append(groups, "strcat("+strings.Join(results[:n], ", "+separator+", ")+")")
		results = results[n:]
	}
	if len(groups) == 1 {
		return strings.Join(operators, ""), groups[0]
	}
	return strings.Join(operators, ""), "strcat(" + strings.Join(groups, ", "+separator+", ") + ")"
}
