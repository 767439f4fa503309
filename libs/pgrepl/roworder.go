package pgrepl

import (
	"fmt"
	"slices"
	"strings"
)

// OrderTerm is an expression that ORDER BY goes by, with the value of it to compare rows with.
type OrderTerm struct {
	// SQL is the expression, such as a quoted column.
	SQL string
	// Nullable is whether it may be NULL.
	Nullable bool
	// Operators is the schema of the operators that ORDER BY goes by (pgmodel.Type.OrderSchema).
	Operators string
	// Value is the value in SQL; empty for NULL.
	Value string
}

// operator writes an operator of the term's order.
//
// It is named with its schema: looked up by name alone, where the type's schema is not on the
// search_path, that of a type that it converts to is taken (of text for citext), whose order is
// another.
func (t OrderTerm) operator(name string) string {
	return fmt.Sprintf("OPERATOR(%s.%s)", QuoteIdent(t.Operators), name)
}

// RowsAfter is the condition of rows beyond the terms' values in the order of ORDER BY, in which
// NULL is greater than every value.
func RowsAfter(terms []OrderTerm) string {
	if byRow(terms) {
		return compareRows(terms, ">")
	}
	var either []string
	equal := ""
	for _, t := range terms {
		if t.Value == "" { // nothing is beyond NULL
			equal += t.SQL + " IS NULL AND "
			continue
		}
		either = append(either,
			fmt.Sprintf("%s(%s %s %s OR %[2]s IS NULL)", equal, t.SQL, t.operator(">"), t.Value))
		equal += fmt.Sprintf("%s IS NOT NULL AND %[1]s %s %s AND ", t.SQL, t.operator("="), t.Value)
	}
	if len(either) == 0 {
		return "false"
	}
	condition := "(" + strings.Join(either, " OR ") + ")"
	if first := terms[0]; !first.Nullable { // for the index
		condition = fmt.Sprintf("%s %s %s AND %s", first.SQL, first.operator(">="), first.Value, condition)
	}
	return condition
}

// RowsUpTo is the condition of rows that are not beyond the terms' values.
func RowsUpTo(terms []OrderTerm) string {
	if byRow(terms) {
		return compareRows(terms, "<=")
	}
	return "NOT (" + RowsAfter(terms) + ")"
}

// RowsFrom is the condition of rows that are not before the terms' values.
func RowsFrom(terms []OrderTerm) string { return compareRows(terms, ">=") }

// byRow reports whether a comparison of rows, which an index answers best, says what is meant. It
// would leave out rows with NULL, and has operators of one schema.
func byRow(terms []OrderTerm) bool {
	return !slices.ContainsFunc(terms, func(t OrderTerm) bool {
		return t.Nullable || t.Operators != terms[0].Operators
	})
}

func compareRows(terms []OrderTerm, operator string) string {
	var expressions, values []string
	for _, t := range terms {
		expressions, values = append(expressions, t.SQL), append(values, t.Value)
	}
	return fmt.Sprintf("(%s) %s (%s)", strings.Join(expressions, ", "), terms[0].operator(operator),
		strings.Join(values, ", "))
}
