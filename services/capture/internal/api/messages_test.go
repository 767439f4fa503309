package api

import (
	"strings"
	"testing"
	"time"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/slot"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

func TestEachPhaseAndActivityHasItsWordInTheAPI(t *testing.T) {
	for p := status.Idle; p <= status.Failed; p++ {
		if shown, ok := phases[p]; !ok || p != status.Idle && shown == capturev1.Phase_PHASE_UNSPECIFIED {
			t.Errorf("phase %s is shown as %s", p, shown)
		}
	}
	for a := status.Waiting; a <= status.Broken; a++ {
		if activities[a] == capturev1.CapturedTable_STATE_UNSPECIFIED {
			t.Errorf("activity %d is not shown", a)
		}
	}
}

// plain hides nothing.
func plain(text string) string { return text }

func TestASlotIsShownWithoutWhatIsBehindReferences(t *testing.T) {
	hidden := func(text string) string { return strings.ReplaceAll(text, "s3cret", "********") }
	s := &slot.Seen{
		Name: "a_s3cret", Publication: "s3cret", State: &pgrepl.SlotState{Name: "a_s3cret"},
		Holders: []pgrepl.Holder{{What: "s3cret", Remedy: "end s3cret"}},
	}
	if m := slotMessage(s, hidden); strings.Contains(m.String(), "s3cret") || m.Name != "a_********" ||
		m.Holders[0].Remedy != "end ********" {
		t.Error(m)
	}
	s.State = nil
	if m := slotMessage(s, hidden); m.Name != "a_********" {
		t.Error(m)
	}
}

func TestWhatIsNotKnownIsLeftOut(t *testing.T) {
	if m := CaptureMessage(new(status.State)); m.DurableLsn != "" || m.ReceivedLsn != "" || m.LastCommitTime != nil ||
		m.CommitToKafka != nil {
		t.Errorf("a capture that has not begun is %v", m)
	}
	if slotMessage(nil, plain) != nil {
		t.Error("a slot that could not be looked at is shown")
	}
	if m := slotMessage(&slot.Seen{Name: "s"}, plain); !m.Missing || m.RestartLsn != "" {
		t.Errorf("a slot that is missing is %v", m)
	}
	since := time.Unix(1, 0)
	m := slotMessage(&slot.Seen{State: &pgrepl.SlotState{},
		Holders: []pgrepl.Holder{{What: "w", Since: since, Remedy: "r"}, {}}}, plain)
	if m.Missing || m.Statistics != nil || m.InactiveSince != nil || len(m.Holders) != 2 ||
		!m.Holders[0].BeginTime.AsTime().Equal(since) || m.Holders[1].BeginTime != nil {
		t.Errorf("a slot that is held up is %v", m)
	}
}
