package debezium

import (
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"slices"

	"github.com/calypso-cdc/calypso/libs/record"
)

// SentColumn is a column whose values go into records.
type SentColumn struct {
	*pgmodel.Column
	// KeyPlace is the column's place in the key, counted from 1; 0 outside of it.
	KeyPlace int
}

// SentColumns returns the columns of a relation whose values go into its records (before
// transforms), in the order of the table.
func (c *Config) SentColumns(rel *pgmodel.Relation) []SentColumn {
	var key []int
	k := compiler{cfg: c, json: &record.JSON{}}
	convertible := func(i int) bool {
		_, ok := k.column(&rel.Columns[i])
		return ok
	}
	for _, i := range c.KeyColumns.keyColumns(rel) {
		if convertible(i) {
			key = append(key, i)
		}
	}
	var sent []SentColumn
	for i := range rel.Columns {
		place := slices.Index(key, i) + 1
		if place > 0 || c.Columns.includes(rel.Schema+"."+rel.Name+"."+rel.Columns[i].Name) && convertible(i) {
			sent = append(sent, SentColumn{&rel.Columns[i], place})
		}
	}
	return sent
}
