package start

import (
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// BackFills reports whether a start reads what tables hold that it adds to its publication: of a
// running connector, which never saw it. One whose snapshot is unfinished reads it with that.
func BackFills(m spec.Mode, saved *Saved, p pgrepl.Publication) bool {
	return p.Mode == pgrepl.PublishFiltered && !p.OnStandby && m.Name != spec.NoData && saved != nil &&
		saved.At.Commit != 0 && !saved.Reading
}

// Joining is what becomes of the rows of a table that joins a running capture.
type Joining int

const (
	// JoinsEmpty is a table that snapshots leave out, or that has no rows of its own.
	JoinsEmpty Joining = iota
	// JoinsUnmarked cannot be read: nothing can mark in the stream when.
	JoinsUnmarked
	// JoinsUnkeyed cannot be read: it has no order to be read in.
	JoinsUnkeyed
	// JoinsRead is read while the stream goes on.
	JoinsRead
)

// Join decides about a table; snapshotted says that snapshots read it, marks that watermarks can be written.
func Join(t pgrepl.FoundTable, snapshotted, marks bool) Joining {
	switch {
	case !snapshotted || t.Kind == 'p':
		return JoinsEmpty
	case !marks:
		return JoinsUnmarked
	case !t.HasKey:
		return JoinsUnkeyed
	}
	return JoinsRead
}
