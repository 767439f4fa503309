package admin

import (
	"context"
	"fmt"
	"strings"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// GetHealth asks every worker. The verdict is broken if a fleet has no worker that is ready, degraded if a worker is
// missing, healthy otherwise; the generator is not needed for data to flow and can only degrade.
func (s *service) GetHealth(ctx context.Context, _ *adminv1.GetHealthRequest) (*adminv1.GetHealthResponse, error) {
	health := &adminv1.GetHealthResponse{Services: []*adminv1.ServiceHealth{{Service: "admin", Serving: true}}}
	findings := []finding{{adminv1.Verdict_VERDICT_HEALTHY, "all services are ready"}}
	for _, f := range s.fleets {
		answers := askWorkers(ctx, f)
		health.Services = append(health.Services, answers...)
		findings = append(findings, judgeFleet(f.name, answers)...)
	}
	w := worst(findings)
	health.Verdict, health.Reason = w.verdict, w.reason
	return health, nil
}

func askWorkers(ctx context.Context, f *fleet) []*adminv1.ServiceHealth {
	answers := make([]chan *adminv1.ServiceHealth, len(f.workers))
	for i, w := range f.workers {
		answers[i] = make(chan *adminv1.ServiceHealth, 1)
		go func() {
			h := &adminv1.ServiceHealth{Service: f.name, Address: w.address, Serving: true}
			if err := rpc.Healthy(ctx, w.connection); err != nil {
				h.Serving, h.Detail = false, err.Error()
			}
			answers[i] <- h
		}()
	}
	var all []*adminv1.ServiceHealth
	for _, c := range answers {
		all = append(all, <-c)
	}
	return all
}

func judgeFleet(name string, workers []*adminv1.ServiceHealth) []finding {
	var missing []string
	for _, w := range workers {
		if !w.Serving {
			missing = append(missing, fmt.Sprintf("%s at %s: %s", name, w.Address, w.Detail))
		}
	}
	switch {
	case len(missing) == 0:
		return nil
	case len(missing) == len(workers) && name != generatorName:
		return []finding{{adminv1.Verdict_VERDICT_BROKEN, strings.Join(missing, "; ")}}
	}
	return []finding{{adminv1.Verdict_VERDICT_DEGRADED, strings.Join(missing, "; ")}}
}
