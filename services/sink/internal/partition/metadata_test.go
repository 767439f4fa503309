package partition

import (
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/batcher"
	"github.com/calypso-cdc/calypso/services/sink/internal/ledger"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

func TestNoCutIsMadeThatACommitsMetadataHasNoRoomFor(t *testing.T) {
	l := ledger.New("")
	l.Begin(0)
	for !l.Full() {
		if _, err := l.Close(l.First() + 1); err != nil {
			t.Fatal(err)
		}
	}
	end := l.First()
	p := &Partition{of: &Member{Task: batcher.Task{Spec: &spec.Spec{MaxInFlight: 4, FlushInterval: time.Millisecond}}},
		ledger: l, open: &batch.Batch{Oldest: time.Unix(0, 0)}, next: end + 1,
		sent: []*batch.Batch{{}}}
	if done, err := p.closeBatch(end + 1); done || err != nil || l.First() != end {
		t.Errorf("a cut was made: %v %v", done, err)
	}
	if wait := p.untilFlush(); wait != time.Hour {
		t.Errorf("it is tried again in %s, though only a batch's end makes room", wait)
	}
	if n := len(l.Metadata()); n > 4096 {
		t.Errorf("%d bytes of metadata", n)
	}
}
