package admin

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/services/admin/checks"
)

// GetHealth asks every worker. The verdict is broken if a fleet has no worker that is ready, degraded if a worker is
// missing, healthy otherwise; the generator is not needed for data to flow and can only degrade.
func (s *service) GetHealth(ctx context.Context, _ *adminv1.GetHealthRequest) (*adminv1.GetHealthResponse, error) {
	health := &adminv1.GetHealthResponse{Services: []*adminv1.ServiceHealth{s.self}}
	workers := askFleets(ctx, s.fleets)
	var names []string
	for _, f := range s.fleets {
		names = append(names, f.name)
		health.Services = append(health.Services, workers[f.name]...)
	}
	health.Verdict, health.Reason = checks.System(names, workers)
	return health, nil
}

// askFleets asks all workers of all fleets at once for their health, and returns the answers by
// fleet in the order of the workers.
func askFleets(ctx context.Context, fleets []*fleet) map[string][]*adminv1.ServiceHealth {
	answers := map[string][]chan *adminv1.ServiceHealth{}
	for _, f := range fleets {
		for _, w := range f.workers {
			answer := make(chan *adminv1.ServiceHealth, 1)
			answers[f.name] = append(answers[f.name], answer)
			contain.Go("question for a worker's health", func() {
				h := &adminv1.ServiceHealth{Service: f.name, Address: w.address, Serving: true}
				about, err := rpc.Ask(ctx, w.connection)
				if err != nil {
					h.Serving, h.Detail = false, w.files.CauseAt(ctx, err, "the gRPC of "+f.name, w.address)
				}
				if about.Tasks != nil {
					h.Tasks = proto.Int32(int32(*about.Tasks))
				}
				h.Version = about.Version
				if ctx.Err() == nil { // otherwise the caller did not wait for the answer
					h.Since = timestamppb.New(w.sees(h.Serving, about.Started, time.Now()))
					w.silent.Store(errors.Is(err, rpc.ErrNoAnswer))
					w.unready.Store(&h.Detail)
				}
				answer <- h
			}, func(err error) {
				answer <- &adminv1.ServiceHealth{Service: f.name, Address: w.address, Detail: err.Error()}
			})
		}
	}
	all := map[string][]*adminv1.ServiceHealth{}
	for name, some := range answers {
		for _, answer := range some {
			all[name] = append(all[name], <-answer)
		}
	}
	return all
}
