package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/tests/internal/connect"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

// fleetWorkers is how many workers each fleet has.
const fleetWorkers = 3

// takeover is how long others took to run what a killed worker ran.
type takeover struct {
	worker string
	took   time.Duration
}

// serviceAt is the service of a fleet that listens at an address, which is its worker id.
func (r *sinkRig) serviceAt(t *testing.T, fleet, workerID string) (string, *stack.Service) {
	t.Helper()
	for n := 1; n <= fleetWorkers; n++ {
		name := fleet
		address := r.Address(fleet + " grpc")
		if n > 1 {
			name = fmt.Sprintf("%s %d", fleet, n)
			address = r.Address(name)
		}
		if address == workerID {
			return name, r.Service(name)
		}
	}
	t.Fatalf("no worker of %s is %s", fleet, workerID)
	return "", nil
}

// kill ends the worker that runs task 0 of a connector as kill -9 does, waits until others run all
// of its tasks and starts it again.
func (r *sinkRig) kill(t *testing.T, fleet string, client connect.Client, name string) takeover {
	t.Helper()
	before, err := client.Status(t.Context(), name)
	if err != nil || len(before.Tasks) == 0 {
		t.Fatalf("%s has status %+v: %v", name, before, err)
	}
	victim := before.Tasks[0].WorkerID
	service, process := r.serviceAt(t, fleet, victim)
	process.Kill()
	start := time.Now()
	testenv.Eventually(t, 2*time.Minute, "another worker to run "+name, func(ctx context.Context) error {
		now, err := client.Status(ctx, name)
		if err != nil {
			return err
		}
		for _, task := range now.Tasks {
			if task.WorkerID == victim || task.State != "RUNNING" {
				return fmt.Errorf("task %d is %s on %s", task.ID, task.State, task.WorkerID)
			}
		}
		if fleet == "capture" {
			return r.streaming(ctx)
		}
		return nil
	})
	k := takeover{service, time.Since(start)}
	if err := process.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAFleetSharesConnectorsAndSurvivesTheKillOfAnyWorkerAndARollingRestart(t *testing.T) {
	r := newSinkRigOf(t, fleetWorkers)
	rounds := fleetWorkers
	if testing.Short() {
		rounds = 1
	}
	var takeovers []takeover
	r.under(t, 0, func(ctx context.Context) {
		for range rounds {
			takeovers = append(takeovers, r.kill(t, "capture", r.Source(), connector),
				r.kill(t, "sink", r.Sink(), sinkConnector))
			r.wait(2 * time.Second)
		}
	})
	// One worker at a time ends in an orderly way and comes back; the others have its tasks meanwhile.
	r.under(t, 0, func(ctx context.Context) {
		for n := 1; n <= fleetWorkers; n++ {
			for _, fleet := range []string{"capture", "sink"} {
				name := fleet
				if n > 1 {
					name = fmt.Sprintf("%s %d", fleet, n)
				}
				if err := errors.Join(r.Service(name).Stop(), r.Service(name).Start(ctx)); err != nil {
					t.Errorf("restart of %s: %v", name, err)
				}
			}
		}
	})
	for _, k := range takeovers {
		t.Logf("kill -9 of %s: others ran its tasks after %.1f s", k.worker, k.took.Seconds())
	}
	slices.SortFunc(takeovers, func(a, b takeover) int { return int(b.took - a.took) })
	t.Logf("the longest takeover of %d took %.1f s", len(takeovers), takeovers[0].took.Seconds())
	r.verify(t)
}
