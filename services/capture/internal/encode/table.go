package encode

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// Rules are what the encoders of a session's tables have in common.
type Rules struct {
	Tables *spec.Tables
	Events *debezium.Config
	// Encoding is the database's.
	Encoding string
	// Oversized handles records that their topic does not take; nil where they stop the connector.
	Oversized *Oversized
}

// Table is one version of a table, compiled: it turns the table's changes into records.
type Table struct {
	Columns Columns
	// Name is schema.table.
	Name string
	// Captured is false for tables whose changes are read but make no events.
	Captured bool
	// Signal is true for the signal table.
	Signal bool
	// Observed is set once the version is noted in the history of the table.
	Observed bool

	encoder *debezium.Encoder // nil unless captured
	// unchecked says that the database may send texts that are not UTF-8.
	unchecked bool
	oversized *Oversized
}

// Table compiles a relation. A table that is not captured gets no encoder.
func (r Rules) Table(rel *pgmodel.Relation) (*Table, error) {
	table := pgrepl.Table{Schema: rel.Schema, Name: rel.Name}
	t := &Table{Name: table.String(), Captured: r.Tables.Read(table), Signal: r.Tables.IsSignal(table),
		oversized: r.Oversized}
	t.Columns.Relation = rel
	if !t.Captured {
		return t, nil
	}
	t.Columns, t.unchecked = ColumnsOf(r.Events, rel), pgrepl.Unchecked(r.Encoding)
	var err error
	t.encoder, err = debezium.NewEncoder(rel, r.Events)
	return t, err
}

// Append adds the records of an event to a batch, under the rule for oversized records, and returns
// how many events they are: an update that changes the key is two.
func (t *Table) Append(b *debezium.Batch, ev *debezium.Event) (int, error) {
	if t.unchecked {
		if err := t.Columns.checkTexts(ev.Before, ev.After); err != nil {
			return 0, fmt.Errorf("convert a change at LSN %s: %w", pgrepl.LSN(ev.Source.LSN), err)
		}
	}
	before := b.Mark()
	n, err := t.encoder.Append(b, ev)
	if err != nil {
		named := ev.After
		if named == nil {
			named = ev.Before
		}
		return n, fmt.Errorf("row %s: %w", RowText(t.Columns.Relation, named), err)
	}
	if t.oversized == nil || t.oversized.fit(b.Since(before)) {
		return n, nil
	}
	t.oversized.cutToFit(t, b, before, ev)
	return n, t.oversized.SetAside(b, before, ev.Source.LSN)
}

// AppendIdentity appends what tells a row from others of the table. Columns that the row lacks are
// taken from known.
func (t *Table) AppendIdentity(dst []byte, row, known pgmodel.Tuple) ([]byte, error) {
	return t.encoder.AppendIdentity(dst, row, known)
}
