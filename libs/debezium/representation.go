package debezium

import (
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
)

// Representation is how the rows in a table's events represent a column, before transforms.
type Representation struct {
	Column *pgmodel.Column
	// Base is the column's type, or the base type of its domain; TypeMod is the modifier of Base.
	Base    *pgmodel.Type
	TypeMod int32
	// Field is the row's field, Schema the schema of its values.
	Field  string
	Schema *record.Schema
	// Withheld says why the rows do not have the column's values as they are; empty if they do.
	Withheld string
}

// Representations describes the columns of the Encoder's relation, in their order.
func (e *Encoder) Representations() []Representation {
	planned := map[int]*columnPlan{}
	for i := range e.row.columns {
		planned[e.row.columns[i].index] = &e.row.columns[i]
	}
	table := e.rel.Schema + "." + e.rel.Name
	all := make([]Representation, len(e.rel.Columns))
	for i := range e.rel.Columns {
		c := &e.rel.Columns[i]
		r := Representation{Column: c, Field: e.cfg.FieldNameAdjustment.FieldName(c.Name)}
		r.Base, r.TypeMod = c.Type.Base(c.TypeMod)
		p := planned[i]
		switch {
		case !e.cfg.Columns.includes(table + "." + c.Name):
			r.Withheld = "column.include.list or column.exclude.list leaves it out of the events"
		case p == nil:
			r.Withheld = "events have no values of type " + c.Type.Name
		case p.codec.lost:
			r.Withheld = "streamed events have no values of type " + c.Type.Name + "; set include.unknown.datatypes=true"
		case p.codec.rewritten:
			r.Withheld = "a column.mask or column.truncate key of the connector changes its values"
		}
		if p != nil {
			r.Schema = p.codec.schema
		}
		all[i] = r
	}
	return all
}

// Lineage follows the table's rows through the connector's transforms. Its fields are those of
// Representation.
func (e *Encoder) Lineage() (*transform.Lineage, error) {
	headers := make([]record.Header, len(e.context))
	for i, h := range e.context {
		headers[i] = record.Header{Key: h.Key, Schema: record.OptionalOf(record.String), Value: string(h.Value)}
	}
	return e.cfg.Transforms.Lineage(e.topic, e.schemas.envelope, headers)
}
