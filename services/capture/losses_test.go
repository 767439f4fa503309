package capture

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// withNotes gives an environment notes, which outlast its tasks.
func withNotes(env connector.TaskEnv) connector.TaskEnv {
	var mu sync.Mutex
	notes := map[string]json.RawMessage{}
	env.Notes = func() map[string]json.RawMessage {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(notes)
	}
	env.Note = func(_ context.Context, name string, note json.RawMessage) error {
		mu.Lock()
		defer mu.Unlock()
		if notes[name] = note; note == nil {
			delete(notes, name)
		}
		return nil
	}
	return env
}

// notedFleet has one connector, with its notes.
type notedFleet struct {
	ownFleet
	env connector.TaskEnv
}

func (f *notedFleet) Environment(string) (connector.TaskEnv, catalogue.Values, error) {
	return f.env, catalogue.Values{}, nil
}

func TestEventsThatWereLeftOutAreShownAfterARestartUntilTheyAreAcknowledged(t *testing.T) {
	for _, mode := range []string{"warn", "skip"} {
		t.Run(mode, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, n numeric NOT NULL); INSERT INTO a VALUES (1, 1)")
			config := s.config("c"+s.db, map[string]string{"event.processing.failure.handling.mode": mode})
			env := withNotes(testEnv(servers.kafka.Bootstrap, config["name"]))
			run := func(rows int) (*capture, *Registry) {
				registry := NewRegistry()
				task, err := makeTaskIn(env, config, Options{Registry: registry})
				if err != nil {
					t.Fatal(err)
				}
				c := runTask(t, task)
				await(t, s.db+".public.a", rows)
				return c, registry
			}
			shown := func(r *Registry, n int64) {
				t.Helper()
				all := r.captures.Find(config["name"]).State().Background
				if len(all) != 1 || all[0].Failures != n || all[0].Work != "encoding of events of public.a" ||
					!strings.Contains(all[0].Reason, "LSN 0/") || !strings.Contains(all[0].Reason, "column public.a.n") ||
					!strings.Contains(all[0].Remedy, "calypsoctl acknowledge "+config["name"]) {
					t.Errorf("shown is %+v, want %d", all, n)
				}
			}
			c, registry := run(1)
			s.awaitSlot(t)
			s.exec(t, "INSERT INTO a VALUES (2, 'NaN'); INSERT INTO a VALUES (3, 'NaN'); INSERT INTO a VALUES (4, 4)")
			await(t, s.db+".public.a", 2)
			shown(registry, 2)
			if err := c.stop(t); err != nil {
				t.Fatal(err)
			}
			c, registry = run(2)
			shown(registry, 2)
			s.exec(t, "INSERT INTO a VALUES (5, 'NaN'); INSERT INTO a VALUES (6, 6)")
			await(t, s.db+".public.a", 3)
			shown(registry, 3)
			r, err := NewService(registry, &notedFleet{env: env}).AcknowledgeLosses(t.Context(),
				&capturev1.AcknowledgeLossesRequest{Connector: config["name"], Work: "encoding of events of public.a"})
			if err != nil || r.Acknowledged != 1 {
				t.Errorf("acknowledged were %v: %v", r, err)
			}
			if err := c.stop(t); err != nil {
				t.Fatal(err)
			}
			_, registry = run(3)
			if all := registry.captures.Find(config["name"]).State().Background; len(all) != 0 {
				t.Errorf("after that is shown %+v", all)
			}
		})
	}
}
