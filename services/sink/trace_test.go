package sink

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestATraceGoesFromTheRecordToTheTable(t *testing.T) {
	s := newFixture(t, 1, nil)
	const traceID = "0af7651916cd43dd8448eb211c80319c"
	sampled := &kgo.Record{Value: []byte(order(1)),
		Headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte("00-" + traceID + "-b7ad6b7169203331-01")}}}
	unsampled := &kgo.Record{Value: []byte(order(2)),
		Headers: []kgo.RecordHeader{{Key: "traceparent",
			Value: []byte("00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")}}}
	s.send(sampled, unsampled)
	var carried atomic.Int64
	servers.adx.inject(t, func(r *http.Request) fault {
		if strings.Contains(r.Header.Get("x-ms-client-request-id"), traceID) {
			carried.Add(1)
		}
		return pass
	})
	spans := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))
	task, err := makeTask(s.brokers, s.config, 0, func(error) {},
		func(o *Options, _ *connector.TaskEnv) { o.Tracer = provider.Tracer("test") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- task.Run(ctx) }()
	s.holds(3)
	testenv.Eventually(t, time.Minute, "the spans", func(context.Context) error {
		var names []string
		delivered := 0
		for _, span := range spans.GetSpans() {
			names = append(names, span.Name)
			if span.Name == "deliver "+s.table {
				delivered++
				if span.SpanContext.TraceID().String() != traceID || span.Parent.SpanID().String() != "b7ad6b7169203331" ||
					len(span.Links) != 1 {
					t.Errorf("%+v is not a child of the record's trace linked with its batch", span)
				}
			}
		}
		if delivered != 1 {
			return fmt.Errorf("spans %v, want one delivery", names)
		}
		return nil
	})
	if carried.Load() == 0 {
		t.Error("no request to the cluster carried the trace's id")
	}
	// The sampled trace can be found from the sink's state, with where and when it was.
	service, err := serviceOf(task, s.config)
	if err != nil {
		t.Fatal(err)
	}
	state, err := service.GetSink(t.Context(), &sinkv1.GetSinkRequest{Connector: s.name})
	if err != nil {
		t.Fatal(err)
	}
	recent := state.GetSink().GetRecentTraces()
	if len(recent) != 1 || recent[0].GetTraceId() != traceID || recent[0].GetTopic() != s.topic ||
		recent[0].GetOffset() != 0 ||
		recent[0].GetCommitTime().AsTime().UnixMilli() != 1700000000000 ||
		time.Since(recent[0].GetQueryableTime().AsTime()) > time.Hour {
		t.Errorf("the recent traces are %v", recent)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
