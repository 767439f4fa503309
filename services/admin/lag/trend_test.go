package lag

import (
	"testing"
	"time"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
)

var start = time.Unix(1_000_000, 0)

// observe has a history see a pipeline every five seconds for as long, made by what it was n looks after the start.
func observe(h *History, long time.Duration, made func(n int64) *adminv1.Pipeline) {
	for n := range int64(long/(5*time.Second)) + 1 {
		h.Observe(start.Add(time.Duration(n)*5*time.Second), made(n))
	}
}

// confirming is at, with what the slot has confirmed.
func confirming(written, confirmed int64) *adminv1.Pipeline {
	p := at(written, written, written, 0, 0, 0)
	p.Capture.Slot.ConfirmedFlushLsn = lsn(confirmed)
	return p
}

func TestLogThatIsWrittenAndNotConfirmedIsAStandstill(t *testing.T) {
	const mb = 1 << 20
	for name, test := range map[string]struct {
		made func(n int64) *adminv1.Pipeline
		want time.Duration
	}{
		"everything is confirmed": {func(n int64) *adminv1.Pipeline { return confirming(n*mb+1, n*mb+1) }, 0},
		"confirmed late":          {func(n int64) *adminv1.Pipeline { return confirming((n+9)*mb, n*mb+1) }, 0},
		"nothing is written":      {func(int64) *adminv1.Pipeline { return confirming(mb, mb) }, 0},
		"hardly anything is":      {func(n int64) *adminv1.Pipeline { return confirming(mb+n, mb) }, 0},
		"never confirmed":         {func(n int64) *adminv1.Pipeline { return confirming((n+2)*mb, mb) }, 10 * time.Minute},
		"since the fourth minute": {func(n int64) *adminv1.Pipeline { return confirming((n+1)*mb, (min(n, 48)+1)*mb) },
			6*time.Minute - 5*time.Second},
		"since log is written": {func(n int64) *adminv1.Pipeline { return confirming((max(n, 60)-59)*mb, mb) },
			5*time.Minute - 5*time.Second},
		"the slot is not known at times": {func(n int64) *adminv1.Pipeline {
			p := confirming((n+2)*mb, mb)
			if n%7 == 3 {
				p.Capture.Slot = nil
			}
			return p
		}, 10 * time.Minute},
		"the slot is not known": {func(n int64) *adminv1.Pipeline {
			p := confirming(n*mb,
				1)
			p.Capture.Slot = nil
			return p
		}, 0},
	} {
		var h History
		observe(&h, 10*time.Minute, test.made)
		if got := h.Trends().Standstill; got > test.want || got < test.want-5*time.Second {
			t.Errorf("%s: a standstill of %v, want %v", name, got, test.want)
		}
	}
}

// records is a pipeline whose sink has read everything and written so many records fewer, at one record a second.
func behindBy(n, records int64) *adminv1.Pipeline {
	return at(1, 1, 1, 100_000+5*n, 100_000+5*n, 100_000+5*n-records)
}

func TestALagGrowsIfItsLeastDoes(t *testing.T) {
	written := Segment{SinkToQueryable, "adx"}
	for name, test := range map[string]struct {
		long time.Duration
		made func(n int64) *adminv1.Pipeline
		want bool
	}{
		"it keeps up":                 {20 * time.Minute, func(n int64) *adminv1.Pipeline { return behindBy(n, 5) }, false},
		"it falls back":               {20 * time.Minute, func(n int64) *adminv1.Pipeline { return behindBy(n, n) }, true},
		"it falls back for too short": {4 * time.Minute, func(n int64) *adminv1.Pipeline { return behindBy(n, n) }, false},
		"it catches up": {20 * time.Minute,
			func(n int64) *adminv1.Pipeline { return behindBy(n, 240-n) }, false},
		"it writes every three minutes": {20 * time.Minute,
			func(n int64) *adminv1.Pipeline { return behindBy(n, n%36*5) }, false},
	} {
		var h History
		observe(&h, test.long, test.made)
		trends := h.Trends()
		if grown, grows := trends.Growth[written]; grows != test.want || grows && grown <= 0 || len(trends.Growth) > 1 {
			t.Errorf("%s: %v over %v", name, trends.Growth, trends.Over)
		}
	}
}

func TestTheLastDeadLetterIsDated(t *testing.T) {
	var h History
	observe(&h, time.Minute, func(n int64) *adminv1.Pipeline {
		p := at(1, 1, 1, 1, 1, 1)
		p.Sinks[0].Sink.RowsDeadLettered = min(n, 4) * 10
		return p
	})
	if got := h.Trends().Letters["adx"]; got.By != 10 || !got.At.Equal(start.Add(20*time.Second)) {
		t.Errorf("the last rise is %v", got)
	}
	var none History
	observe(&none, time.Minute, func(int64) *adminv1.Pipeline { return at(1, 1, 1, 1, 1, 1) })
	if got := none.Trends().Letters; len(got) != 0 {
		t.Errorf("without letters: %v", got)
	}
}

func TestALongHistoryIsBoundedAndReachesBack(t *testing.T) {
	var h History
	observe(&h, 6*time.Hour, func(n int64) *adminv1.Pipeline { return confirming((n+2)<<20, 1<<20) })
	if len(h.samples) > maxSamples {
		t.Errorf("%d samples are kept", len(h.samples))
	}
	if got := h.Trends().Standstill; got < 5*time.Hour+59*time.Minute {
		t.Errorf("the standstill is %v", got)
	}
}
