package target

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

func TestARowThatAnOlderVersionOfTheTableRefusedIsWorthAnotherTry(t *testing.T) {
	table := New(Cluster{Spec: &spec.Spec{}}).alone(route.Route{Topic: "s.t", Database: "db", Table: "T"})
	table.known.Store(&known{version: 2, at: time.Now()})
	refused := &row.Refused{Column: "amount"}
	if !table.ChangedSince(1, refused) {
		t.Error("another partition has seen that the table changed, and the row is not tried again")
	}
	if table.ChangedSince(2, refused) || table.Doubtful(refused) {
		t.Error("the table was looked at just now, and is said to have changed")
	}
	if table.ChangedSince(1, errors.New("the record cannot be read")) {
		t.Error("a refusal that is about no column is tried again")
	}
}

func TestWhoWaitsForATableThatIsBeingChangedGivesUpWhenItsPartitionEnds(t *testing.T) {
	l := newLock()
	if err := l.acquire(t.Context()); err != nil || l.try() {
		t.Fatal("it is had twice, or not at all:", err)
	}
	ended := errors.New("the partition is handed over")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ended)
	if err := l.acquire(ctx); !errors.Is(err, ended) {
		t.Errorf("it gives up with %v", err)
	}
	l.release()
	if !l.try() {
		t.Error("what was released cannot be had")
	}
}
