package start

import (
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// BackFills reports whether a start reads the rows of the tables that it adds to its publication.
// It does so for a connector that has a position, since these rows never came through its stream. A
// connector whose snapshot is unfinished reads them with that.
func BackFills(m spec.Mode, saved *Saved, p pgrepl.Publication) bool {
	return p.Mode == pgrepl.PublishFiltered && !p.OnStandby && m.Name != spec.NoData && saved != nil &&
		saved.At.Commit != 0 && !saved.Reading
}

// Joining says what happens to the rows of a table that joins a running capture.
type Joining int

const (
	// JoinsEmpty is a table that snapshots leave out, or that has no rows of its own.
	JoinsEmpty Joining = iota
	// JoinsUnmarked cannot be read, since no watermarks can be written into the stream.
	JoinsUnmarked
	// JoinsUnkeyed cannot be read, since it has no key by whose order it could be.
	JoinsUnkeyed
	// JoinsRead is read while the stream goes on.
	JoinsRead
)

// Join decides about a table. snapshotted reports whether snapshots read it, marks whether
// watermarks can be written.
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
