package status

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
)

func TestTheTracesThatAreRememberedAreTheNewestAndEachOnce(t *testing.T) {
	var kept RecentTraces
	now := time.Unix(1000, 0)
	for i := range 3 * MaxTraces {
		id := [16]byte{byte(i/2 + 1)} // two records of each trace
		context := trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: [8]byte{1},
			TraceFlags: trace.FlagsSampled})
		kept.Add(batch.Source{Topic: "t", Partition: 0}, []batch.Traced{{Context: context, Offset: int64(i)}},
			now.Add(time.Duration(i)))
	}
	all := NewestTraces(kept, kept[:1])
	if len(kept) != MaxTraces || len(all) != MaxTraces || all[0].Offset != 3*MaxTraces-1 ||
		all[1].Offset != 3*MaxTraces-3 || !all[0].Committed.IsZero() {
		t.Errorf("%d traces are kept and %d shown: %v", len(kept), len(all), all)
	}
}
