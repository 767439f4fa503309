package capture

import (
	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// tableEncoder is one version of a table with what turns its changes into records. It is used by one goroutine.
type tableEncoder struct {
	*change.Encoder
	rel  *change.Relation
	name string // schema.table
	// captured is false for tables whose changes are read but make no events.
	captured bool
	signal   bool
}

// newTableEncoder compiles the encoder of a relation; for a table that is not captured there is none.
func (t *task) newTableEncoder(rel *change.Relation) (*tableEncoder, error) {
	table := pgrepl.Table{Schema: rel.Schema, Name: rel.Name}
	e := &tableEncoder{rel: rel, name: table.String(), captured: t.settings.filter.captured(table), signal: t.settings.filter.isSignal(table)}
	if !e.captured {
		return e, nil
	}
	var err error
	e.Encoder, err = change.NewEncoder(rel, &t.events)
	return e, err
}

// encoders finds the encoder of a relation; the one used last costs a comparison.
type encoders struct {
	task  *task
	byRel map[*change.Relation]*tableEncoder
	last  *tableEncoder
}

func newEncoders(t *task) *encoders {
	return &encoders{task: t, byRel: make(map[*change.Relation]*tableEncoder)}
}

func (c *encoders) of(rel *change.Relation) (*tableEncoder, error) {
	if c.last != nil && c.last.rel == rel {
		return c.last, nil
	}
	e := c.byRel[rel]
	if e == nil {
		var err error
		if e, err = c.task.newTableEncoder(rel); err != nil {
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
