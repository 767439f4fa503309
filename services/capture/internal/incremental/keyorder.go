package incremental

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
)

// keyOrder writes conditions by the order of ORDER BY, in which NULL is greater than every value. A
// comparison of rows, which an index answers best, would leave out rows with NULL, and is only used
// for keys without NULL.
//
// Operators are named with the schema of those that ORDER BY goes by, which are found by the column's
// type: looked up by name alone, where the type's schema is not on the search_path, those of a type
// that it converts to are taken (of text for citext), whose order is another.
type keyOrder struct {
	columns  []*pgmodel.Column
	nullable bool
	// schemas are those of the columns' operators; more than one cannot stand in a comparison of rows.
	schemas []string
}

func newKeyOrder(rel *pgmodel.Relation, key []int) keyOrder {
	var o keyOrder
	for _, i := range key {
		o.columns = append(o.columns, &rel.Columns[i])
	}
	o.nullable = slices.ContainsFunc(o.columns, func(c *pgmodel.Column) bool { return !c.NotNull })
	for _, c := range o.columns {
		o.schemas = append(o.schemas, c.Type.OrderSchema())
	}
	return o
}

// byRow reports whether a comparison of rows says what is meant.
func (o keyOrder) byRow() bool {
	return !o.nullable && len(slices.Compact(slices.Sorted(slices.Values(o.schemas)))) == 1
}

// operator writes an operator of a column's order.
func (o keyOrder) operator(column int, name string) string {
	return fmt.Sprintf("OPERATOR(%s.%s)", pgrepl.QuoteIdent(o.schemas[column]), name)
}

// literal writes a value with its type, since PostgreSQL could not infer a composite type from an
// operator.
func literal(c *pgmodel.Column, value *string) string {
	if c.Declared == "" {
		return pgrepl.QuoteLiteral(*value)
	}
	return pgrepl.QuoteLiteral(*value) + "::" + c.Declared
}

func (o keyOrder) row(values progress.Key) (names, literals string) {
	var n, l []string
	for i, c := range o.columns {
		n, l = append(n, pgrepl.QuoteIdent(c.Name)), append(l, literal(c, values[i]))
	}
	return strings.Join(n, ", "), strings.Join(l, ", ")
}

// after is the condition of rows beyond a key.
func (o keyOrder) after(values progress.Key) string {
	if o.byRow() {
		names, literals := o.row(values)
		return fmt.Sprintf("(%s) %s (%s)", names, o.operator(0, ">"), literals)
	}
	var either []string
	equal := ""
	for i, c := range o.columns {
		name := pgrepl.QuoteIdent(c.Name)
		if values[i] == nil { // nothing is beyond NULL
			equal += name + " IS NULL AND "
			continue
		}
		value := literal(c, values[i])
		either = append(either, fmt.Sprintf("%s(%s %s %s OR %[2]s IS NULL)", equal, name, o.operator(i, ">"), value))
		equal += fmt.Sprintf("%s IS NOT NULL AND %[1]s %s %s AND ", name, o.operator(i, "="), value)
	}
	if len(either) == 0 {
		return "false"
	}
	condition := "(" + strings.Join(either, " OR ") + ")"
	if first := o.columns[0]; first.NotNull { // for the index
		condition = fmt.Sprintf("%s %s %s AND %s", pgrepl.QuoteIdent(first.Name), o.operator(0, ">="),
			literal(first, values[0]), condition)
	}
	return condition
}

// upTo is the condition of rows that are not beyond a key.
func (o keyOrder) upTo(values progress.Key) string {
	if o.byRow() {
		names, literals := o.row(values)
		return fmt.Sprintf("(%s) %s (%s)", names, o.operator(0, "<="), literals)
	}
	return "NOT (" + o.after(values) + ")"
}
