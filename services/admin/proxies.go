package admin

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/latency"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/services/admin/checks"
)

// captureProxy is CaptureService over all capture workers: each knows the connectors that it runs.
type captureProxy struct {
	capturev1.UnimplementedCaptureServiceServer
	fleet *fleet
}

func (p captureProxy) GetCapture(ctx context.Context,
	q *capturev1.GetCaptureRequest) (*capturev1.GetCaptureResponse, error) {
	answers, err := askAll(ctx, p.fleet, func(ctx context.Context,
		c *grpc.ClientConn) (*capturev1.GetCaptureResponse, error) {
		return capturev1.NewCaptureServiceClient(c).GetCapture(ctx, q)
	})
	if err != nil {
		return nil, err
	}
	return slices.MaxFunc(answers, func(a, b *capturev1.GetCaptureResponse) int { return newer(a.Capture, b.Capture) }),
		nil
}

func (p captureProxy) ListCaptures(ctx context.Context,
	q *capturev1.ListCapturesRequest) (*capturev1.ListCapturesResponse, error) {
	answers, err := askAll(ctx, p.fleet, func(ctx context.Context,
		c *grpc.ClientConn) (*capturev1.ListCapturesResponse, error) {
		return capturev1.NewCaptureServiceClient(c).ListCaptures(ctx, q)
	})
	if err != nil {
		return nil, err
	}
	captures := map[string]*capturev1.Capture{}
	for _, answer := range answers {
		for _, c := range answer.Captures {
			if known, ok := captures[c.Connector]; !ok || newer(c, known) > 0 {
				captures[c.Connector] = c
			}
		}
	}
	all := &capturev1.ListCapturesResponse{}
	for _, name := range slices.Sorted(maps.Keys(captures)) {
		all.Captures = append(all.Captures, captures[name])
	}
	return all, nil
}

func (p captureProxy) GetSnapshotProgress(ctx context.Context,
	q *capturev1.GetSnapshotProgressRequest) (*capturev1.GetSnapshotProgressResponse, error) {
	return askOwner(ctx, p.fleet, func(ctx context.Context,
		c *grpc.ClientConn) (*capturev1.GetSnapshotProgressResponse, error) {
		return capturev1.NewCaptureServiceClient(c).GetSnapshotProgress(ctx, q)
	})
}

func (p captureProxy) SignalSnapshot(ctx context.Context,
	q *capturev1.SignalSnapshotRequest) (*capturev1.SignalSnapshotResponse, error) {
	return tellOwner(ctx, p.fleet, func(ctx context.Context,
		c *grpc.ClientConn) (*capturev1.SignalSnapshotResponse, error) {
		return capturev1.NewCaptureServiceClient(c).SignalSnapshot(ctx, q)
	})
}

func (p captureProxy) AcknowledgeLosses(ctx context.Context,
	q *capturev1.AcknowledgeLossesRequest) (*capturev1.AcknowledgeLossesResponse, error) {
	return tellOwner(ctx, p.fleet, func(ctx context.Context,
		c *grpc.ClientConn) (*capturev1.AcknowledgeLossesResponse, error) {
		return capturev1.NewCaptureServiceClient(c).AcknowledgeLosses(ctx, q)
	})
}

func (p captureProxy) ListCapturedTables(ctx context.Context,
	q *capturev1.ListCapturedTablesRequest) (*capturev1.ListCapturedTablesResponse, error) {
	return askOwner(ctx, p.fleet, func(ctx context.Context,
		c *grpc.ClientConn) (*capturev1.ListCapturedTablesResponse, error) {
		return capturev1.NewCaptureServiceClient(c).ListCapturedTables(ctx, q)
	})
}

// ListSchemaVersions can be answered by any worker: the versions of all tables are in one topic.
func (p captureProxy) ListSchemaVersions(ctx context.Context,
	q *capturev1.ListSchemaVersionsRequest) (*capturev1.ListSchemaVersionsResponse, error) {
	return askOwner(ctx, p.fleet, func(ctx context.Context,
		c *grpc.ClientConn) (*capturev1.ListSchemaVersionsResponse, error) {
		return capturev1.NewCaptureServiceClient(c).ListSchemaVersions(ctx, q)
	})
}

// newer orders two reports about one connector: a worker that has lost it may still return the
// older one, or may only watch its slot.
func newer(a, b *capturev1.Capture) int {
	runs := func(c *capturev1.Capture) int { return int(min(c.GetPhase(), 1)) }
	return cmp.Or(runs(a)-runs(b), a.GetLastCommitTime().AsTime().Compare(b.GetLastCommitTime().AsTime()))
}

// sinkProxy is SinkService over all sink workers: a connector's tasks are spread over them.
type sinkProxy struct {
	sinkv1.UnimplementedSinkServiceServer
	fleet *fleet
}

func (p sinkProxy) GetSink(ctx context.Context, q *sinkv1.GetSinkRequest) (*sinkv1.GetSinkResponse, error) {
	answers, err := askAll(ctx, p.fleet, func(ctx context.Context, c *grpc.ClientConn) (*sinkv1.GetSinkResponse, error) {
		return sinkv1.NewSinkServiceClient(c).GetSink(ctx, q)
	})
	if err != nil {
		return nil, err
	}
	var parts []*sinkv1.Sink
	for _, answer := range answers {
		parts = append(parts, answer.Sink)
	}
	return &sinkv1.GetSinkResponse{Sink: sum(parts)}, nil
}

func (p sinkProxy) ListSinks(ctx context.Context, q *sinkv1.ListSinksRequest) (*sinkv1.ListSinksResponse, error) {
	answers, err := askAll(ctx, p.fleet, func(ctx context.Context, c *grpc.ClientConn) (*sinkv1.ListSinksResponse, error) {
		return sinkv1.NewSinkServiceClient(c).ListSinks(ctx, q)
	})
	if err != nil {
		return nil, err
	}
	parts := map[string][]*sinkv1.Sink{}
	for _, answer := range answers {
		for _, s := range answer.Sinks {
			parts[s.Connector] = append(parts[s.Connector], s)
		}
	}
	all := &sinkv1.ListSinksResponse{}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		all.Sinks = append(all.Sinks, sum(parts[name]))
	}
	return all, nil
}

// The dead letters of a connector are in one topic, which any worker with a task of the connector reads and writes.

func (p sinkProxy) ListDeadLetters(ctx context.Context,
	q *sinkv1.ListDeadLettersRequest) (*sinkv1.ListDeadLettersResponse, error) {
	return askOwner(ctx, p.fleet, func(ctx context.Context, c *grpc.ClientConn) (*sinkv1.ListDeadLettersResponse, error) {
		return sinkv1.NewSinkServiceClient(c).ListDeadLetters(ctx, q)
	})
}

func (p sinkProxy) ReplayDeadLetters(ctx context.Context,
	q *sinkv1.ReplayDeadLettersRequest) (*sinkv1.ReplayDeadLettersResponse, error) {
	return tellOwner(ctx, p.fleet, func(ctx context.Context,
		c *grpc.ClientConn) (*sinkv1.ReplayDeadLettersResponse, error) {
		return sinkv1.NewSinkServiceClient(c).ReplayDeadLetters(ctx, q)
	})
}

func (p sinkProxy) DiscardDeadLetters(ctx context.Context,
	q *sinkv1.DiscardDeadLettersRequest) (*sinkv1.DiscardDeadLettersResponse, error) {
	return tellOwner(ctx, p.fleet, func(ctx context.Context,
		c *grpc.ClientConn) (*sinkv1.DiscardDeadLettersResponse, error) {
		return sinkv1.NewSinkServiceClient(c).DiscardDeadLetters(ctx, q)
	})
}

func (p sinkProxy) AcknowledgeNotices(ctx context.Context,
	q *sinkv1.AcknowledgeNoticesRequest) (*sinkv1.AcknowledgeNoticesResponse, error) {
	return tellOwner(ctx, p.fleet, func(ctx context.Context,
		c *grpc.ClientConn) (*sinkv1.AcknowledgeNoticesResponse, error) {
		return sinkv1.NewSinkServiceClient(c).AcknowledgeNotices(ctx, q)
	})
}

// GetProvenOffsets can be answered by any worker, which asks Kafka and the tables and may take its
// time.
func (p sinkProxy) GetProvenOffsets(ctx context.Context,
	q *sinkv1.GetProvenOffsetsRequest) (*sinkv1.GetProvenOffsetsResponse, error) {
	return tellOwner(ctx, p.fleet, func(ctx context.Context,
		c *grpc.ClientConn) (*sinkv1.GetProvenOffsetsResponse, error) {
		return sinkv1.NewSinkServiceClient(c).GetProvenOffsets(ctx, q)
	})
}

// sum joins what several workers say about one sink connector; parts has at least one element.
// If some workers run tasks of it, their reports include what the others know.
func sum(parts []*sinkv1.Sink) *sinkv1.Sink {
	if running := slices.DeleteFunc(slices.Clone(parts), checks.Idle); len(running) > 0 {
		parts = running
	}
	total := proto.CloneOf(parts[0])
	for _, s := range parts[1:] {
		total.Partitions = append(total.Partitions, s.Partitions...)
		total.RowsIngested += s.RowsIngested
		total.BytesIngested += s.BytesIngested
		total.BatchesIngested += s.BatchesIngested
		total.BatchesInFlight += s.BatchesInFlight
		total.BufferedBytes += s.BufferedBytes
		total.RowsDeadLettered += s.RowsDeadLettered
		total.RowsPassedOver += s.RowsPassedOver
		total.Notices = append(total.Notices, s.Notices...)
		total.ProcessBufferedBytes += s.ProcessBufferedBytes
		total.ProcessBufferLimitBytes += s.ProcessBufferLimitBytes
		if s.OpenDeadLetters != nil { // each worker counts the letters of the one topic
			total.OpenDeadLetters = new(max(total.GetOpenDeadLetters(), s.GetOpenDeadLetters()))
		}
		total.CommitToQueryableLatency = latency.Sum(total.CommitToQueryableLatency, s.CommitToQueryableLatency)
		total.ProduceToQueryableLatency = latency.Sum(total.ProduceToQueryableLatency, s.ProduceToQueryableLatency)
		total.Tombstones += s.Tombstones
		total.RecentTraces = append(total.RecentTraces, s.RecentTraces...)
		total.Retries += s.Retries
		if total.TryingAgain == "" {
			total.TryingAgain, total.TryingAgainObstacle = s.TryingAgain, s.TryingAgainObstacle
		}
		if s.GetLastErrorTime().AsTime().After(total.GetLastErrorTime().AsTime()) {
			total.LastError, total.LastErrorTime, total.LastErrorObstacle = s.LastError, s.LastErrorTime, s.LastErrorObstacle
		}
		if s.GetProduceToIngested().AsDuration() > total.GetProduceToIngested().AsDuration() {
			total.ProduceToIngested = s.ProduceToIngested
		}
	}
	slices.SortFunc(total.Partitions, func(a, b *sinkv1.PartitionProgress) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	slices.SortStableFunc(total.RecentTraces, func(a, b *sinkv1.DeliveredTrace) int {
		return b.QueryableTime.AsTime().Compare(a.QueryableTime.AsTime())
	})
	total.RecentTraces = total.RecentTraces[:min(len(total.RecentTraces), maxTraces)]
	total.Notices = distinct(total.Notices)
	return total
}

// distinct drops notices that another task has reported too, as tasks that share a topic's
// partitions do.
func distinct(all []*sinkv1.SinkNotice) []*sinkv1.SinkNotice {
	type about struct {
		kind          sinkv1.SinkNotice_Kind
		topic, column string
	}
	told := map[about]bool{}
	return slices.DeleteFunc(all, func(n *sinkv1.SinkNotice) bool {
		of := about{n.Kind, n.Topic, n.Column}
		again := told[of]
		told[of] = true
		return again
	})
}

// maxTraces is how many recent traces of a sink are shown, as many as one worker returns.
const maxTraces = 32

// ordersProxy is OrdersService of the one generator. fleet is nil if none is configured.
type ordersProxy struct {
	ordersv1.UnimplementedOrdersServiceServer
	fleet *fleet
}

func toGenerator[Request, Response any](ctx context.Context, p ordersProxy, q Request,
	call func(ordersv1.OrdersServiceClient, context.Context, Request, ...grpc.CallOption) (Response, error)) (Response,
	error) {
	if p.fleet == nil {
		var none Response
		return none, rpc.Error(codes.FailedPrecondition, "NO_GENERATOR",
			"this installation has no orders-generator; start admin with --orders <host:port> if there is one")
	}
	response, err := call(ordersv1.NewOrdersServiceClient(p.fleet.any), ctx, q)
	return response, p.fleet.unreachable(err)
}

func (p ordersProxy) Start(ctx context.Context, q *ordersv1.StartRequest) (*ordersv1.StartResponse, error) {
	return toGenerator(ctx, p, q, ordersv1.OrdersServiceClient.Start)
}

func (p ordersProxy) Stop(ctx context.Context, q *ordersv1.StopRequest) (*ordersv1.StopResponse, error) {
	return toGenerator(ctx, p, q, ordersv1.OrdersServiceClient.Stop)
}

func (p ordersProxy) SetRate(ctx context.Context, q *ordersv1.SetRateRequest) (*ordersv1.SetRateResponse, error) {
	return toGenerator(ctx, p, q, ordersv1.OrdersServiceClient.SetRate)
}

func (p ordersProxy) Burst(ctx context.Context, q *ordersv1.BurstRequest) (*ordersv1.BurstResponse, error) {
	return toGenerator(ctx, p, q, ordersv1.OrdersServiceClient.Burst)
}

func (p ordersProxy) SetMix(ctx context.Context, q *ordersv1.SetMixRequest) (*ordersv1.SetMixResponse, error) {
	return toGenerator(ctx, p, q, ordersv1.OrdersServiceClient.SetMix)
}

func (p ordersProxy) GetStatistics(ctx context.Context,
	q *ordersv1.GetStatisticsRequest) (*ordersv1.GetStatisticsResponse, error) {
	return toGenerator(ctx, p, q, ordersv1.OrdersServiceClient.GetStatistics)
}
