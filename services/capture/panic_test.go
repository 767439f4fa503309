package capture

import (
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/contain/containtest"
)

// goroutines are those of a running capture, in which a panic ends its task.
var goroutines = []string{
	"session of a capture", "reader of a snapshot", "end of a snapshot", "holder of an exported snapshot",
	"deliverer of a snapshot",
	"reader of the stream", "deliverer of the stream", "heartbeat", "incremental snapshot", "signal topic",
	"writer of statuses",
	"watch of the server", "watch of the signal table", "watch of statements", "watch of schema registries",
	"keeping of what events lack", "opening of the producer", "commands",
}

// polling is the one goroutine of a connector that polls.
const polling = "session of a poll"

// aside are those whose panic leaves the task alone.
var aside = []string{"question for a slot", "question for the position of a capture that does not run", "watch of idle captures", "watch of all idle captures",
	"gauges of captures", "notice", "end of the stream", "command"}

func TestAPanicInAnyGoroutineOfACaptureFailsItsTaskAndLosesNothing(t *testing.T) {
	for _, name := range goroutines {
		t.Run(name, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 50)")
			config := s.config("c"+s.db, map[string]string{"heartbeat.interval.ms": "1000", "slot.max.retries": "60",
				"slot.retry.delay.ms": "200"})
			end := contain.Inject(name)
			defer end()
			err := start(t, config).failure(t)
			if !strings.Contains(err.Error(), name+" panicked") || !strings.Contains(err.Error(), ".go:") {
				t.Errorf("the failure is %v, want the panic with its stack", err)
			}
			end()
			start(t, config)
			s.awaitSlot(t)
			s.exec(t, "INSERT INTO a VALUES (51)")
			await(t, s.db+".public.a", 51)
		})
	}
}

func TestAPanicInAPollFailsItsTaskAndLosesNothing(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 50)")
	config := s.polling("p"+s.db, map[string]string{"mode": "incrementing", "incrementing.column.name": "id",
		"table.whitelist": "public.a"})
	end := contain.Inject(polling)
	defer end()
	if err := start(t, config).failure(t); !strings.Contains(err.Error(), polling+" panicked") {
		t.Errorf("the failure is %v, want the panic", err)
	}
	end()
	start(t, config)
	ids(t, s.db+"-a", 50)
}

func TestEveryGoroutineOfACaptureIsTestedWithAPanic(t *testing.T) {
	containtest.Code{Dirs: []string{".", "../../libs/pgrepl"}}.Known(t, slices.Concat(goroutines, aside, []string{polling})...)
}
