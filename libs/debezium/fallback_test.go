package debezium

import (
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// A delete brings the key alone. What Debezium puts in the place of the other values is mapped like values.
func TestWhatStandsForAValueThatIsNotKnownIsTruncatedLikeOne(t *testing.T) {
	rel := &pgmodel.Relation{Schema: "s", Name: "t", ReplicaIdentity: 'd', Key: []int{0}, Columns: []pgmodel.Column{
		{Name: "id", Type: baseType("text"), TypeMod: -1, NotNull: true, InIdentity: true},
		{Name: "at", Type: baseType("timestamptz"), TypeMod: -1, NotNull: true},
	}}
	ev := insertOrder()
	ev.Op, ev.After, ev.Before = Delete, nil, textTuple("1", "")
	ev.Before[1] = pgmodel.Datum{Kind: pgmodel.Absent}
	got := appended(t, rel, ev, "column.truncate.to.3.chars", `s\.t\.at`)
	if len(got) == 0 || !strings.Contains(got[0], `"before":{"id":"1","at":"197"}`) {
		t.Errorf("got %v", got)
	}
}
