package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	latencyv1 "github.com/calypso-cdc/calypso/gen/calypso/latency/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/latency"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// Service shows the sinks of this worker, and takes care of the dead letters of any sink.
type Service struct {
	sinkv1.UnimplementedSinkServiceServer
	board   *Board
	options Options
	fleet   Fleet
	idle    *idle
}

// Fleet knows the connectors of all workers; *fleet.Worker does.
type Fleet interface {
	// Idle are the connectors that are this worker's to run and do not run.
	Idle() []string
	// Environment gives what a connector's tasks are given, wherever they run: dead letters are read, replayed and discarded without them.
	Environment(connector string) (connector.TaskEnv, catalogue.Values, error)
}

// NewService makes the service over the board of o.
func NewService(o Options, fleet Fleet) (*Service, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	return &Service{board: o.Board, options: o, fleet: fleet, idle: &idle{fleet: fleet}}, nil
}

// GetSink returns the state of one sink connector.
func (s *Service) GetSink(ctx context.Context, r *sinkv1.GetSinkRequest) (*sinkv1.GetSinkResponse, error) {
	tasks := s.board.of(r.GetConnector())
	if len(tasks) == 0 {
		if waits := s.idle.sinks(ctx)[r.GetConnector()]; waits != nil {
			return &sinkv1.GetSinkResponse{Sink: waits}, nil
		}
		return nil, rpc.Error(codes.NotFound, string(connector.ReasonConnectorNotFound), fmt.Sprintf("sink connector %q runs no task on this worker", r.GetConnector()))
	}
	return &sinkv1.GetSinkResponse{Sink: summarize(ctx, r.GetConnector(), tasks)}, nil
}

// ListSinks returns the state of all sink connectors with tasks on this worker, and of those that are its own and do not run.
func (s *Service) ListSinks(ctx context.Context, _ *sinkv1.ListSinksRequest) (*sinkv1.ListSinksResponse, error) {
	out := &sinkv1.ListSinksResponse{}
	for _, name := range s.board.connectors() {
		if tasks := s.board.of(name); len(tasks) > 0 {
			out.Sinks = append(out.Sinks, summarize(ctx, name, tasks))
		}
	}
	for name, waits := range s.idle.sinks(ctx) {
		if len(s.board.of(name)) == 0 {
			out.Sinks = append(out.Sinks, waits)
		}
	}
	return out, nil
}

func summarize(ctx context.Context, name string, tasks []*task) *sinkv1.Sink {
	out := &sinkv1.Sink{Connector: name, Guarantee: tasks[0].guarantee()}
	now := time.Now()
	var committed, produced []*latencyv1.Latency
	for _, t := range tasks {
		ends := t.ends(ctx)
		p := t.board
		p.mu.Lock()
		out.RowsIngested += p.counts.rows
		out.BytesIngested += p.counts.bytes
		out.BatchesIngested += p.counts.batches
		out.RowsDeadLettered += p.counts.deadLetters
		out.Tombstones += p.counts.tombstones
		out.RowsPassedOver += p.counts.setAside - p.counts.deadLetters
		out.Retries += p.counts.retries
		committed, produced = append(committed, p.ages.Committed.Summary(now)), append(produced, p.ages.Produced.Summary(now))
		if p.lastTime.After(out.GetLastErrorTime().AsTime()) {
			out.LastError, out.LastErrorTime, out.LastErrorObstacle = p.lastError, timestamppb.New(p.lastTime), p.lastObstacle
		}
		if of := p.latest(); of != nil {
			out.TryingAgain, out.TryingAgainObstacle = of.said, of.obstacle
		}
		if p.latency > out.GetProduceToIngested().AsDuration() {
			out.ProduceToIngested = durationpb.New(p.latency)
		}
		for tp, q := range p.partitions {
			end, ok := ends.Lookup(tp.Topic, tp.Partition)
			progress := &sinkv1.PartitionProgress{
				Topic: tp.Topic, Partition: tp.Partition, TargetDatabase: q.route.Database, TargetTable: q.route.Table,
				Position: q.position, Committed: q.committed, WorkerId: t.env.WorkerID, RowsIngested: q.rows,
			}
			if !q.ingested.IsZero() {
				progress.LastIngestedTime = timestamppb.New(q.ingested)
			}
			if ok && end.Err == nil {
				progress.End = end.Offset
			}
			out.Partitions = append(out.Partitions, progress)
		}
		if p.openLetters != nil {
			out.OpenDeadLetters = new(*p.openLetters)
		}
		out.Notices = append(out.Notices, inOrder(p.notices)...)
		out.RecentTraces = newestTraces(out.RecentTraces, p.traces)
		p.mu.Unlock()
		if t.env.Task == 0 { // one tells those of the connector
			out.Notices = append(out.Notices, shownNotices(t.env)...)
		}
		out.BufferedBytes += t.memory.Held.Load()
		out.BatchesInFlight += t.memory.Flying.Load()
	}
	memory := &tasks[0].o.Board.memory
	out.ProcessBufferedBytes, out.ProcessBufferLimitBytes = memory.Used.Load(), memory.Limit.Load()
	out.CommitToQueryableLatency, out.ProduceToQueryableLatency = latency.Sum(committed...), latency.Sum(produced...)
	return out
}

// ends asks for the end offsets of the task's topics; empty if the brokers do not answer soon.
func (t *task) ends(ctx context.Context) kadm.ListedOffsets {
	t.board.mu.Lock()
	seen := map[string]bool{}
	var topics []string
	for tp := range t.board.partitions {
		if !seen[tp.Topic] {
			seen[tp.Topic] = true
			topics = append(topics, tp.Topic)
		}
	}
	t.board.mu.Unlock()
	if len(topics) == 0 {
		return nil
	}
	t.mu.Lock()
	consumer := t.consumer // a partition was assigned, so it is there
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	ends, err := kadm.NewClient(consumer).ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return nil
	}
	return ends
}

// guarantee says in a sentence what delivery the connector has.
func (t *task) guarantee() string {
	switch {
	case t.s.Mode.Streams():
		return fmt.Sprintf("at least once: streaming ingestion (%s) has no tags, so a lost answer may repeat a batch", t.s.Mode)
	case !t.s.Exact:
		return "at least once: delivery.guarantee is at_least_once, so a crash may repeat batches"
	}
	return "exactly once: batches are cut once, tagged, and skipped by the cluster if it has them; topics mapped with streaming=true are at least once"
}
