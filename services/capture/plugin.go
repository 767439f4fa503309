// Package capture is the service that reads PostgreSQL's changes and writes them to Kafka.
//
// Model. A capture connector is one task: a replication slot, read in sessions. A session takes up the last durable
// checkpoint, reads tables if a snapshot is called for, and then streams: the reader decodes and encodes changes into the
// open batch of a stage, the deliverer writes the other batch to Kafka. No more than two batches are in memory; a reader
// without room stops reading the socket, while the connection's own status writer goes on.
//
// Guarantees. Where the broker has transactions, events and the checkpoint after them are written in one, by a producer
// that fences any predecessor: each change is in Kafka exactly once for readers of committed records, whatever is killed
// when. The slot is confirmed only up to durable checkpoints. A slot that is missing, lost, ahead of the checkpoint or of
// another server stops the task with a named reason; it is never silently recreated.
//
// Connectors for databases without logical replication ask for rows instead (internal/poll). Both write through the same
// producer (internal/deliver) and work in sessions that follow each other (internal/retry).
package capture

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// Class is the connector class that configurations name; Aliases select it as well.
const Class = spec.Class

// Delivery is the guarantee that a worker gives where the broker allows it.
type Delivery int

const (
	// ExactlyOnce writes events and checkpoint in Kafka transactions. Their markers take offsets in the topics.
	ExactlyOnce Delivery = iota
	// AtLeastOnce writes without transactions, for readers that cannot do with gaps in offsets: a crash can repeat the
	// last batch.
	AtLeastOnce
)

// Options are what a plugin's tasks report to. The zero value reports nowhere.
type Options struct {
	// Board shows the captures; a board of its own if nil.
	Board *Board
	// Meter and Tracer record metrics and spans; none if nil.
	Meter  metric.Meter
	Tracer trace.Tracer
	// Delivery is ExactlyOnce by default.
	Delivery Delivery
}

// complete fills in what is missing and registers the metrics.
func (o Options) complete() (Options, *meters, error) {
	if o.Board == nil {
		o.Board = NewBoard()
	}
	if o.Meter == nil {
		o.Meter = metricnoop.Meter{}
	}
	if o.Tracer == nil {
		o.Tracer = tracenoop.Tracer{}
	}
	m, err := newMeters(o.Meter, o.Tracer, o.Board)
	if err != nil {
		return o, nil, fmt.Errorf("register the metrics of captures: %w", err)
	}
	return o, m, nil
}

// Plugins makes the connector classes of the capture fleet: captures by logical replication first, then polling.
func Plugins(o Options) ([]connector.Plugin, error) {
	o, m, err := o.complete()
	if err != nil {
		return nil, err
	}
	captures, err := capturePlugin(o, m)
	if err != nil {
		return nil, err
	}
	polling, err := pollingPlugin(o, m)
	return []connector.Plugin{captures, polling}, err
}

func capturePlugin(o Options, m *meters) (connector.Plugin, error) {
	keys, err := spec.Catalogue()
	if err != nil {
		return connector.Plugin{}, fmt.Errorf("declare the keys of capture connectors: %w", err)
	}
	return connector.Plugin{
		Class:     Class,
		Aliases:   []string{"PostgresConnector", "Postgres", "calypso.capture.PostgresConnector"},
		Type:      connector.Source,
		Version:   change.CompatibleVersion,
		Catalogue: keys,
		Tasks: func(v catalogue.Values) (int, error) {
			_, err := spec.Parse(v)
			return 1, err
		},
		Check: func(ctx context.Context, v catalogue.Values) []connector.Check { return check(ctx, v) },
		Topics: func(v catalogue.Values) connector.UsedTopics {
			return connector.UsedTopics{Prefix: v.String("topic.prefix") + "."}
		},
		Offset: offsetProblem, Repeats: repeats,
		NewTask: func(env connector.TaskEnv, v catalogue.Values) (connector.Task, error) {
			return newTask(env, v, o, m)
		},
	}, nil
}
