package calypso

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

// receiver is an OTLP receiver that keeps every span.
type receiver struct {
	collectorv1.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans map[string][]span // by trace id
	leaks int               // exports that held the canary
}

type span struct {
	*tracev1.Span
	service string
}

func (r *receiver) Export(_ context.Context,
	q *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sent, err := proto.Marshal(q); err != nil || bytes.Contains(sent, []byte(canary)) {
		r.leaks++
	}
	for _, resource := range q.ResourceSpans {
		var service string
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				id := hex.EncodeToString(s.TraceId)
				r.spans[id] = append(r.spans[id], span{s, service})
			}
		}
	}
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

// serve starts a receiver and makes the process's environment point at it.
func serveReceiver(t *testing.T) *receiver {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{spans: map[string][]span{}}
	server := grpc.NewServer()
	collectorv1.RegisterTraceServiceServer(server, r)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
	return r
}

// connected checks that the spans of one trace are a tree whose root is the generator's INSERT,
// with spans of capture and of sink in it, the last of which ends when ADX has the row.
func connected(spans []span) error {
	parents := map[string]string{}
	var root *span
	var services, names []string
	for i, s := range spans {
		parents[string(s.SpanId)] = string(s.ParentSpanId)
		if len(s.ParentSpanId) == 0 {
			root = &spans[i]
		}
		services = append(services, s.service)
		names = append(names, s.Name)
	}
	if root == nil || root.Name != "INSERT retail.orders_info" || root.service != "orders-generator" {
		return fmt.Errorf("the root is not the generator's INSERT among %q", names)
	}
	for i, s := range spans {
		for id := string(s.SpanId); id != string(root.SpanId); id = parents[id] {
			if _, known := parents[id]; !known {
				return fmt.Errorf("span %s of %s has no way to the INSERT", s.Name, services[i])
			}
		}
	}
	for _, want := range []struct{ service, name string }{{"capture", "capture debezium"}, {"sink", "deliver Orders"}} {
		found := false
		for _, s := range spans {
			if s.service == want.service && s.Name == want.name {
				found = true
				if s.EndTimeUnixNano < root.EndTimeUnixNano {
					return fmt.Errorf("%s ends before the INSERT", s.Name)
				}
			}
		}
		if !found {
			return fmt.Errorf("there is no span %q of %s among %q of %q", want.name, want.service, names, services)
		}
	}
	return nil
}

func TestOneTraceLeadsFromTheInsertToTheRowInADX(t *testing.T) {
	r := serveReceiver(t)
	s := upSettings(t, "--rate", "2")
	up(t, s)
	flushQuickly(t, &s)
	testenv.Eventually(t, 2*time.Minute, "a connected trace", func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		err := errors.New("no INSERT was traced")
		for _, spans := range r.spans {
			if !strings.Contains(fmt.Sprint(spans), "INSERT retail.orders_info") {
				continue
			}
			if err = connected(spans); err == nil {
				return nil
			}
		}
		return err
	})
	// The way from the pipeline to such a trace.
	_, answer, err := call(t.Context(), http.MethodGet, "http://"+local(s.SinkPort)+"/v1/sinks/adx-orders-sink", nil)
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Sink struct {
			RecentTraces []struct {
				TraceID                   string `json:"traceId"`
				CommitTime, QueryableTime time.Time
			}
		}
	}
	if err := json.Unmarshal(answer, &state); err != nil || len(state.Sink.RecentTraces) == 0 {
		t.Fatalf("the sink shows no trace: %v %s", err, answer)
	}
	for _, recent := range state.Sink.RecentTraces {
		r.mu.Lock()
		spans := r.spans[recent.TraceID]
		r.mu.Unlock()
		if len(spans) == 0 && recent.QueryableTime.Before(time.Now().Add(-time.Minute)) {
			t.Errorf("nothing is known of trace %s", recent.TraceID)
		}
		if recent.CommitTime.IsZero() || recent.QueryableTime.Before(recent.CommitTime) {
			t.Errorf("trace %s was committed at %s and queryable at %s", recent.TraceID, recent.CommitTime, recent.QueryableTime)
		}
	}
	ids, err := ordersInADX(t.Context(), &s)
	if err != nil || len(ids) == 0 {
		t.Errorf("a trace says that ADX has rows, and it has %v, %v", ids, err)
	}
}
