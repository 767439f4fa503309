package schemas

import (
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
)

// Observer notes what tables look like. A new version is added to the batch whose events are the
// first to have it. One goroutine at a time uses it: that of a snapshot, and then the stream's.
type Observer struct {
	History *history.History
	Events  *debezium.Config
}

// Note notes what a relation looks like from a point of the stream on.
func (o Observer) Note(into *[]buffer.Version, rel *pgmodel.Relation, at history.Point) {
	name := pgrepl.Table{Schema: rel.Schema, Name: rel.Name}.String()
	if v, fresh := o.History.Observe(name, history.Describe(rel, o.Events.EventColumns(rel)), at); fresh {
		*into = append(*into, buffer.Version{Version: v, Relation: rel})
	}
}

// Change notes the table of a change.
func (o Observer) Change(b *buffer.Batch, t *encode.Table, at history.Point) {
	t.Observed = true
	o.Note(&b.Summary.Versions, t.Columns.Relation, at)
}

// Chunk notes the first version of a table that an incremental snapshot reads. Later versions come
// with the stream alone, since a chunk shows the table as it is now and not as of its place in the
// stream.
func (o Observer) Chunk(b *buffer.Batch, t *encode.Table, at history.Point) {
	if o.History.Latest(t.Name) == nil {
		o.Change(b, t, at)
	}
}
