package capture

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
)

// tableEncoder is one version of a table with what turns its changes into records. It is used by one goroutine.
type tableEncoder struct {
	*change.Encoder
	rel  *change.Relation
	name string // schema.table
	// captured is false for tables whose changes are read but make no events.
	captured bool
	signal   bool
	// sent says of each column whether its values go into records; the others are not read.
	sent []bool
	// unchecked says that the database may send texts that are not UTF-8.
	unchecked bool
	// version is the version of the table in the history; nil until the stream's reader has seen a change of it.
	version *history.Version
	// oversized handles records that their topic does not take; nil where they stop the connector.
	oversized *oversized
}

// newTableEncoder compiles the encoder of a relation; for a table that is not captured there is none.
func (s *session) newTableEncoder(rel *change.Relation) (*tableEncoder, error) {
	table := pgrepl.Table{Schema: rel.Schema, Name: rel.Name}
	e := &tableEncoder{rel: rel, name: table.String(), captured: s.spec.Tables.Read(table), signal: s.spec.Tables.IsSignal(table), oversized: s.oversized}
	if !e.captured {
		return e, nil
	}
	e.sent, e.unchecked = sentColumns(&s.events, rel), pgrepl.Unchecked(s.server.Encoding)
	var err error
	e.Encoder, err = change.NewEncoder(rel, &s.events)
	return e, err
}

// Append is change.Encoder's, under the rule for oversized records.
func (e *tableEncoder) Append(b *change.Batch, ev *change.Event) (int, error) {
	if e.unchecked {
		if err := e.checkTexts(ev.Before, ev.After); err != nil {
			return 0, fmt.Errorf("convert a change at LSN %s: %w", pgrepl.LSN(ev.Source.LSN), err)
		}
	}
	records, size := len(b.Records), b.Size
	n, err := e.Encoder.Append(b, ev)
	if err != nil {
		named := ev.After
		if named == nil {
			named = ev.Before
		}
		return n, fmt.Errorf("row %s: %w", e.rowText(named), err)
	}
	if e.oversized == nil || e.oversized.fit(b.Records[records:]) {
		return n, nil
	}
	if e.oversized.cut {
		b.Records, b.Size = e.oversized.cutToFit(e, b, records, size, ev)
	}
	return n, e.oversized.setAside(b, records, ev.Source.LSN)
}

// encoders finds the encoder of a relation; the one used last costs a comparison.
type encoders struct {
	session *session
	byRel   map[*change.Relation]*tableEncoder
	last    *tableEncoder
}

func newEncoders(s *session) *encoders {
	return &encoders{session: s, byRel: make(map[*change.Relation]*tableEncoder)}
}

func (c *encoders) of(rel *change.Relation) (*tableEncoder, error) {
	if c.last != nil && c.last.rel == rel {
		return c.last, nil
	}
	e := c.byRel[rel]
	if e == nil {
		var err error
		if e, err = c.session.newTableEncoder(rel); err != nil {
			return nil, err
		}
		for old := range c.byRel { // an older version of the table is not needed any more
			if rel.OID != 0 && old.OID == rel.OID {
				delete(c.byRel, old)
			}
		}
		c.byRel[rel] = e
	}
	c.last = e
	return e, nil
}
