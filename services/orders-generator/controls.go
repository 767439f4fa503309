package ordersgenerator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// maxBurst bounds one Burst call, in orders.
const maxBurst = 10_000_000

// controls serves OrdersService over a generator.
type controls struct {
	ordersv1.UnimplementedOrdersServiceServer
	g *generator
}

func (s controls) Start(_ context.Context, r *ordersv1.StartRequest) (*ordersv1.StartResponse, error) {
	if r.Rate != 0 {
		if err := ValidateRate(r.Rate); err != nil {
			return nil, rpc.InvalidField("rate", err.Error())
		}
	}
	s.g.start(r.Rate, r.Seed)
	return &ordersv1.StartResponse{Statistics: s.g.statistics(time.Now())}, nil
}

func (s controls) Stop(context.Context, *ordersv1.StopRequest) (*ordersv1.StopResponse, error) {
	s.g.stop()
	return &ordersv1.StopResponse{Statistics: s.g.statistics(time.Now())}, nil
}

func (s controls) SetRate(_ context.Context, r *ordersv1.SetRateRequest) (*ordersv1.SetRateResponse, error) {
	if err := ValidateRate(r.Rate); err != nil {
		return nil, rpc.InvalidField("rate", err.Error())
	}
	s.g.setRate(r.Rate)
	return &ordersv1.SetRateResponse{Statistics: s.g.statistics(time.Now())}, nil
}

func (s controls) Burst(ctx context.Context, r *ordersv1.BurstRequest) (*ordersv1.BurstResponse, error) {
	if r.Orders < 1 || r.Orders > maxBurst {
		return nil, rpc.InvalidField("orders", fmt.Sprintf("a burst has from 1 to %d orders, not %d", maxBurst, r.Orders))
	}
	if err := s.g.burst(ctx, r.Orders); err != nil {
		if ctxErr := ctx.Err(); errors.Is(ctxErr, context.Canceled) || errors.Is(ctxErr, context.DeadlineExceeded) {
			return nil, status.FromContextError(ctxErr).Err()
		}
		return nil, rpc.Error(codes.Unavailable, "DATABASE_UNAVAILABLE", err.Error())
	}
	return &ordersv1.BurstResponse{Statistics: s.g.statistics(time.Now())}, nil
}

func (s controls) SetMix(_ context.Context, r *ordersv1.SetMixRequest) (*ordersv1.SetMixResponse, error) {
	mix := Mix{Updates: r.Updates, Deletes: r.Deletes}
	if err := mix.Validate(); err != nil {
		return nil, rpc.InvalidField("updates", err.Error())
	}
	s.g.setMix(mix)
	return &ordersv1.SetMixResponse{Statistics: s.g.statistics(time.Now())}, nil
}

func (s controls) GetStatistics(context.Context, *ordersv1.GetStatisticsRequest) (*ordersv1.GetStatisticsResponse,
	error) {
	return &ordersv1.GetStatisticsResponse{Statistics: s.g.statistics(time.Now())}, nil
}

func (g *generator) statistics(now time.Time) *ordersv1.Statistics {
	g.mu.Lock()
	defer g.mu.Unlock()
	return &ordersv1.Statistics{
		Running:      g.running,
		Rate:         g.pace.rate,
		UpdatesShare: g.shop.mix.Updates,
		DeletesShare: g.shop.mix.Deletes,
		Seed:         g.seed,
		Inserted:     g.inserted,
		Updated:      g.updated,
		Deleted:      g.deleted,
		Errors:       g.errors,
		LastError:    g.lastError,
		Started:      timestamppb.New(g.started),
		ActualRate:   g.meter.rate(now, g.started),
	}
}
