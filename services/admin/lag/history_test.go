package lag

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
)

func lsn(n int64) string { return fmt.Sprintf("%X/%X", n>>32, n&0xffffffff) }

// at is a pipeline whose steps are at these positions.
func at(written, read, durable, end, fetched, committed int64) *adminv1.Pipeline {
	return &adminv1.Pipeline{
		Capture: &capturev1.Capture{ReceivedLsn: lsn(read), DurableLsn: lsn(durable),
			Slot: &capturev1.Slot{RestartLsn: lsn(0), RetainedBytes: written, SafeWalBytes: 1 << 20}},
		Sinks: []*adminv1.PipelineSink{{Status: &connectorv1.ConnectorStatus{Name: "adx"},
			Sink: &sinkv1.Sink{Partitions: []*sinkv1.PartitionProgress{{End: end, Position: fetched, Committed: committed}}}}},
	}
}

func TestEachStepIsAsLateAsItIsSinceTheStepBeforeWasThere(t *testing.T) {
	var h History
	start := time.Unix(1000, 0)
	// Each second 100 bytes are written and 10 records produced; the steps follow 1, 2, 3 and 4 seconds behind each other.
	var p *adminv1.Pipeline
	for n := range int64(90) {
		back := func(seconds, rate int64) int64 { return max(0, (n-seconds)*rate) }
		p = at(n*100, back(1, 100), back(3, 100), back(0, 10), back(3, 10), back(7, 10))
		h.Observe(start.Add(time.Duration(n)*time.Second), p)
	}
	for name, got := range map[string]*adminv1.Lag{"1s 100 0": p.CommitToCapture, "2s 200 0": p.CaptureToKafka,
		"3s 0 30": p.Sinks[0].KafkaToSink, "4s 0 40": p.Sinks[0].SinkToQueryable} {
		if said := fmt.Sprintf("%v %d %d", got.Time.AsDuration(), got.Bytes, got.Records); said != name {
			t.Errorf("lag is %s, want %s", said, name)
		}
	}
	f := p.SlotForecast
	if f.GrowthBytesPerSecond != 100 || f.TimeToFull.AsDuration().Round(time.Second) != 10486*time.Second {
		t.Errorf("the forecast is %v", f)
	}
	if at := start.Add(89*time.Second + f.TimeToFull.AsDuration()); !f.FullTime.AsTime().Equal(at) {
		t.Errorf("by the clock it is full at %v, want %v", f.FullTime.AsTime(), at)
	}
}

func TestAStepThatHasEverythingIsNotLate(t *testing.T) {
	var h History
	p := at(500, 500, 500, 7, 7, 7)
	h.Observe(time.Unix(1, 0), at(400, 400, 400, 6, 6, 6))
	h.Observe(time.Unix(100, 0), p)
	for _, l := range []*adminv1.Lag{p.CommitToCapture, p.CaptureToKafka, p.Sinks[0].KafkaToSink,
		p.Sinks[0].SinkToQueryable} {
		if l.Bytes != 0 || l.Records != 0 || l.Time.AsDuration() != 0 {
			t.Errorf("lag is %v", l)
		}
	}
}

// TestASlotThatIsReadIsNeverSaidToFill is of a server that writes 20 MB a second, which its slots would
// keep for 50 GB and so for three quarters of an hour, if nobody read them.
func TestASlotThatIsReadIsNeverSaidToFill(t *testing.T) {
	const rate, room = 20 << 20, 50 << 30
	look := func(second int, began int) *adminv1.Pipeline {
		written, restart := int64(second*rate), int64(began*rate)
		p := at(0, written, written, 0, 0, 0)
		p.Capture.Slot = &capturev1.Slot{RestartLsn: lsn(restart), RetainedBytes: written - restart,
			SafeWalBytes: room - (written - restart)}
		return p
	}
	var h History
	start, second := time.Unix(1000, 0), 0
	for ; second < 600; second++ {
		p := look(second, second/15*15) // the server moves the beginning every 15 seconds
		if h.Observe(start.Add(time.Duration(second)*time.Second), p); p.SlotForecast.TimeToFull != nil {
			t.Fatalf("after %d s: %v", second, p.SlotForecast)
		}
	}
	stopped := second
	for ; second < stopped+300; second++ {
		p := look(second, stopped)
		h.Observe(start.Add(time.Duration(second)*time.Second), p)
		if second == stopped+299 {
			want := float64(room)/rate - 299
			if got := p.SlotForecast.TimeToFull.AsDuration().Seconds(); got < .9*want || got > 1.1*want {
				t.Errorf("of a slot that nobody has read for five minutes: %v, want %.0f s", p.SlotForecast, want)
			}
		}
	}
}

func TestTheRoomThatAUserNamesIsALimitWhereTheServerHasNone(t *testing.T) {
	var h History
	for n := range int64(90) {
		p := at(n*100, 0, 0, 0, 0, 0)
		p.Capture.Slot.LimitedBy = "slot.storage.bytes"
		h.Observe(time.Unix(1000+n, 0), p)
		if f := p.SlotForecast; n == 89 && (f.TimeToFull == nil || !strings.Contains(f.Limit, "storage is full (slot.storage.bytes)")) {
			t.Errorf("%v", f)
		}
	}
}

func TestAnUnlimitedSlotHasNoTimeToFullAndSaysWhatToDo(t *testing.T) {
	var h History
	p := at(500, 1, 1, 0, 0, 0)
	p.Capture.Slot.SafeWalBytes = -1
	h.Observe(time.Unix(1, 0), p)
	if p.SlotForecast.TimeToFull != nil || p.SlotForecast.Limit == "" {
		t.Errorf("%v", p.SlotForecast)
	}
}

func TestASinkThatHasNotComeToItsTopicsIsNotSaidToHaveEverything(t *testing.T) {
	var h History
	p := at(500, 500, 500, 7, 7, 7)
	p.Sinks[0].Sink = &sinkv1.Sink{TryingAgain: "no host"}
	h.Observe(time.Unix(1, 0), p)
	if s := p.Sinks[0]; s.KafkaToSink != nil || s.SinkToQueryable != nil {
		t.Errorf("it is said to be %v and %v behind", s.KafkaToSink, s.SinkToQueryable)
	}
}

func TestALagIsNotShortenedByATimeInWhichNobodySaidWhereTheStepsWere(t *testing.T) {
	var h History
	start := time.Unix(1000, 0)
	h.Observe(start, at(500, 500, 500, 7, 7, 7))
	for n := range 50 { // the server and the sink cannot be asked
		p := at(0, 500, 500, 0, 0, 0)
		p.Capture.Slot, p.Sinks[0].Sink = nil, nil
		h.Observe(start.Add(time.Duration(n+1)*time.Second), p)
	}
	p := at(1500, 500, 500, 17, 7, 7)
	h.Observe(start.Add(60*time.Second), p)
	for name, l := range map[string]*adminv1.Lag{"log": p.CommitToCapture, "topic": p.Sinks[0].KafkaToSink} {
		if l.Time.AsDuration() != time.Minute {
			t.Errorf("%s: what came at some time since then is said to wait for %v", name, l.Time.AsDuration())
		}
	}
}

func TestNothingIsPredictedForASlotThatIsGoneOrLostItsLog(t *testing.T) {
	for name, slot := range map[string]*capturev1.Slot{
		"gone":        {Missing: true},
		"lost":        {WalStatus: "lost", RestartLsn: "0/0", SafeWalBytes: -1},
		"conflicting": {Conflicting: true, RestartLsn: "0/100"},
	} {
		var h History
		p := at(500, 500, 500, 7, 7, 7)
		h.Observe(time.Unix(1, 0), at(500, 500, 500, 7, 7, 7))
		p.Capture.Slot = slot
		h.Observe(time.Unix(10, 0), p)
		if p.SlotForecast != nil || p.CommitToCapture != nil {
			t.Errorf("%s: %v, and capture is said to be %v behind", name, p.SlotForecast, p.CommitToCapture)
		}
		if p.CaptureToKafka == nil {
			t.Errorf("%s: what capture has read is behind Kafka by nothing that is known", name)
		}
	}
}

func TestNoPipelineMakesALagNegativeOrLongerThanTheHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h History
		positions := rapid.SliceOfN(rapid.Int64Range(-10, 1<<40), 6, 6)
		for n := range rapid.IntRange(1, 20).Draw(t, "samples") {
			v := positions.Draw(t, "positions")
			p := at(max(0, v[0]), max(0, v[1]), max(0, v[2]), v[3], v[4], v[5])
			h.Observe(time.Unix(int64(n), 0), p)
			for _, l := range []*adminv1.Lag{p.CommitToCapture, p.CaptureToKafka, p.Sinks[0].KafkaToSink,
				p.Sinks[0].SinkToQueryable} {
				if l.Bytes < 0 || l.Records < 0 || l.Time.AsDuration() < 0 || l.Time.AsDuration() > time.Duration(n)*time.Second {
					t.Fatalf("lag is %v after %d samples", l, n)
				}
			}
		}
	})
}
