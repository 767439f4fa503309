package change

import (
	"slices"

	"github.com/calypso-cdc/calypso/libs/record"
)

// AppendIdentity appends, as JSON, what tells a row of the table from its other rows; old supplies
// TOASTed values that t does not carry, and may be nil. That is not the key of the row's records,
// which message.key.columns may have made common to many rows, and which does not tell rows apart
// where it has NULLs. Only rows of one relation version's columns can be compared.
func (e *Encoder) AppendIdentity(dst []byte, t, old Tuple) ([]byte, error) {
	if e.identity == nil {
		plan, _, err := e.plan(identityColumns(e.rel), "", &record.JSON{KeepNull: true}, false)
		if err != nil {
			return dst, err
		}
		e.identity = &plan
	}
	return e.identity.append(dst, t, old, false)
}

// identityColumns are the columns of the replica identity's index, whose values every change
// carries and which are NOT NULL; else those of a key that is NOT NULL; else all that the stream
// brings, which generated columns are not among.
func identityColumns(rel *Relation) (columns []int) {
	if rel.ReplicaIdentity == 'd' || rel.ReplicaIdentity == 'i' {
		for i := range rel.Columns {
			if rel.Columns[i].InIdentity {
				columns = append(columns, i)
			}
		}
	}
	nullable := func(i int) bool { return !rel.Columns[i].NotNull }
	switch {
	case len(columns) > 0:
		return columns
	case len(rel.Key) > 0 && !slices.ContainsFunc(rel.Key, nullable):
		return rel.Key
	}
	for i := range rel.Columns {
		if !rel.Columns[i].Generated {
			columns = append(columns, i)
		}
	}
	return columns
}
