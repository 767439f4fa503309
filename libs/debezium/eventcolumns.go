package debezium

import (
	"slices"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// EventColumn is a column whose values go into records.
type EventColumn struct {
	Column *pgmodel.Column
	// KeyPosition is the column's place in the key, counted from 1; 0 if it is not part of the key.
	KeyPosition int
}

// EventColumns returns the columns of a relation whose values go into its records (before
// transforms), in the order of the table.
func (c *Config) EventColumns(rel *pgmodel.Relation) []EventColumn {
	var key []int
	k := compiler{cfg: c, out: jsonFormat{decoded}}
	convertible := func(i int) bool {
		_, ok := k.column(&rel.Columns[i])
		return ok
	}
	for _, i := range c.KeyColumns.keyColumns(rel) {
		if convertible(i) {
			key = append(key, i)
		}
	}
	var columns []EventColumn
	for i := range rel.Columns {
		place := slices.Index(key, i) + 1
		if place > 0 || c.Columns.includes(rel.Schema+"."+rel.Name+"."+rel.Columns[i].Name) && convertible(i) {
			columns = append(columns, EventColumn{&rel.Columns[i], place})
		}
	}
	return columns
}
