package kafka

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Meters measures clients by OpenTelemetry's conventions for messaging (semantic-conventions v1.44,
// Messaging metrics). It is a hook, kgo.WithHooks, of any number of clients. It is called once for
// each request and each batch, never for a record.
type Meters struct {
	duration       metric.Float64Histogram
	sent, consumed metric.Int64Counter
	// operations has the attributes of each measured kind of request, by its key.
	operations map[int16]attribute.Set
	// sends and polls keep the attributes of each topic.
	sends, polls sync.Map // of topic to metric.MeasurementOption
}

var (
	_ kgo.HookBrokerE2E           = (*Meters)(nil)
	_ kgo.HookProduceBatchWritten = (*Meters)(nil)
	_ kgo.HookFetchBatchRead      = (*Meters)(nil)
)

// NewMeters registers the metrics.
func NewMeters(meter metric.Meter) (*Meters, error) {
	m := &Meters{operations: map[int16]attribute.Set{
		kmsg.Produce.Int16():      operation("send", "send"),
		kmsg.Fetch.Int16():        operation("poll", "receive"),
		kmsg.OffsetCommit.Int16(): operation("commit", "settle"),
	}}
	var errs [3]error
	m.duration, errs[0] = meter.Float64Histogram("messaging.client.operation.duration", metric.WithUnit("s"),
		metric.WithDescription(
			"Time of a request to a broker, by operation: send, poll (which waits for records) and commit."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10))
	m.sent, errs[1] = meter.Int64Counter("messaging.client.sent.messages", metric.WithUnit("{message}"),
		metric.WithDescription(
			"Records that brokers acknowledged, by topic; those of a transaction that is rolled back as well."))
	m.consumed, errs[2] = meter.Int64Counter("messaging.client.consumed.messages", metric.WithUnit("{message}"),
		metric.WithDescription("Records that were fetched, by topic; those that are fetched again as well."))
	return m, errors.Join(errs[:]...)
}

func operation(name, kind string, more ...attribute.KeyValue) attribute.Set {
	return attribute.NewSet(append(more, attribute.String("messaging.system", "kafka"),
		attribute.String("messaging.operation.name", name), attribute.String("messaging.operation.type", kind))...)
}

// OnBrokerE2E measures a request.
func (m *Meters) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e kgo.BrokerE2E) {
	set, ok := m.operations[key]
	if !ok {
		return
	}
	options := []metric.RecordOption{metric.WithAttributeSet(set)}
	if err := cmp.Or(e.WriteErr, e.ReadErr); err != nil {
		options = append(options, metric.WithAttributes(attribute.String("error.type", errorType(err))))
	}
	m.duration.Record(context.Background(), (e.WriteWait + e.DurationE2E()).Round(time.Microsecond).Seconds(), options...)
}

// errorType names an error by Kafka's name for it.
func errorType(err error) string {
	var known *kerr.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return "_OTHER"
}

// OnProduceBatchWritten counts what was sent.
func (m *Meters) OnProduceBatchWritten(_ kgo.BrokerMetadata, topic string, _ int32, b kgo.ProduceBatchMetrics) {
	m.sent.Add(context.Background(), int64(b.NumRecords), of(&m.sends, topic, "send", "send"))
}

// OnFetchBatchRead counts what was fetched.
func (m *Meters) OnFetchBatchRead(_ kgo.BrokerMetadata, topic string, _ int32, b kgo.FetchBatchMetrics) {
	m.consumed.Add(context.Background(), int64(b.NumRecords), of(&m.polls, topic, "poll", "receive"))
}

// of returns the attributes of a topic's records, which are made once.
func of(known *sync.Map, topic, name, kind string) metric.MeasurementOption {
	if option, ok := known.Load(topic); ok {
		return option.(metric.MeasurementOption)
	}
	option := metric.WithAttributeSet(operation(name, kind, attribute.String("messaging.destination.name", topic)))
	known.Store(topic, option)
	return option
}
