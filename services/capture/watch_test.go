package capture

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/services/capture/internal/idle"
)

// idleFleet has connectors that do not run.
type idleFleet struct {
	ownFleet
	configs map[string]map[string]string
	idle    []string
	// offsets is what the connectors' offsets are read with instead of Kafka; nil for Kafka.
	offsets func(context.Context) (map[string][]byte, error)
}

func (f *idleFleet) Idle() []string { return f.idle }

func (f *idleFleet) Class(string) (string, error) { return Class, nil }

func (f *idleFleet) Environment(name string) (connector.TaskEnv, catalogue.Values, error) {
	plugins, err := Plugins(Options{})
	if err != nil {
		return connector.TaskEnv{}, catalogue.Values{}, err
	}
	values, _, problems := plugins[0].Catalogue.Parse(f.configs[name])
	if len(problems) > 0 {
		return connector.TaskEnv{}, catalogue.Values{}, fmt.Errorf("%v", problems)
	}
	env := testEnv(servers.kafka.Bootstrap, name)
	if f.offsets != nil {
		env.Offsets = f.offsets
	}
	return env, values, nil
}

func TestATableThatChangesWhileNobodyReadsItIsUnreadAndAnIdleOneIsNot(t *testing.T) {
	s := newSource(t)
	s.exec(t, `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE idle (id int PRIMARY KEY);
		CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF parts DEFAULT;
		INSERT INTO a VALUES (1); INSERT INTO idle VALUES (1)`)
	// A session may tell the statistics of its transactions seconds later; those of what was before must not
	// come once nobody reads.
	eventually(t, "the statistics of what was before", func() error {
		n := s.query(t, "SELECT count(*) FROM pg_stat_user_tables WHERE relname IN ('a', 'idle') AND n_tup_ins = 1")
		if n != "2" {
			return fmt.Errorf("%s of 2 tables have them", n)
		}
		return nil
	})
	name := "c" + s.db
	config := s.config(name, nil)
	registry := NewRegistry()
	fleet := &idleFleet{configs: map[string]map[string]string{name: config}}
	service := NewService(registry, fleet)
	// unread waits for a look at the slot, of which there is one every five or thirty seconds.
	unread := func(want ...string) {
		t.Helper()
		eventually(t, fmt.Sprintf("%v to be unread", want), func() error {
			s.exec(t, "SELECT 1") // before PostgreSQL 15 a session may count a transaction only at the end of its next
			all, err := service.ListCaptures(t.Context(), &capturev1.ListCapturesRequest{})
			if err != nil {
				return err
			}
			var got []string
			for _, u := range all.Captures[0].UnreadTables {
				got = append(got, u.Table)
			}
			slices.Sort(got)
			if why := all.Captures[0].UnreadUnknown; why != "" || !slices.Equal(got, want) {
				return fmt.Errorf("unread are %v: %s", got, why)
			}
			return nil
		})
	}
	running := startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	unread()
	s.exec(t, "INSERT INTO a VALUES (2)")
	await(t, s.db+".public.a", 2)
	unread() // it is in Kafka
	running.stop(t)
	fleet.idle = []string{name}
	idle.Watch{Registry: registry.captures, Fleet: fleet, Logger: slog.New(slog.DiscardHandler)}.Look(t.Context())
	// What was known of the tables while the capture ran is known still.
	s.exec(t, "INSERT INTO a VALUES (3); INSERT INTO parts VALUES (1)")
	unread("public.a", "public.part", "public.parts")

	fleet.idle = nil
	startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	unread()
}

func TestTheSlotOfACaptureThatDoesNotRunIsWatched(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	name := "c" + s.db
	registry := NewRegistry()
	fleet := &idleFleet{configs: map[string]map[string]string{name: s.config(name, nil)}}
	service := NewService(registry, fleet)
	shown := func() *capturev1.Capture {
		idle.Watch{Registry: registry.captures, Fleet: fleet, Logger: slog.New(slog.DiscardHandler)}.Look(t.Context())
		all, err := service.ListCaptures(t.Context(), &capturev1.ListCapturesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if len(all.Captures) == 0 {
			return nil
		}
		return all.Captures[0]
	}

	fleet.idle = []string{name}
	if c := shown(); !c.GetSlot().GetMissing() || c.DurableLsn != "" {
		t.Errorf("before the first start the capture is %v", c)
	}
	fleet.idle = nil
	if c := shown(); c != nil {
		t.Errorf("a connector of another worker is shown: %v", c)
	}
	running := startWith(t, servers.kafka.Bootstrap, fleet.configs[name], Options{Registry: registry})
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	// The slot is shown as it is in this phase, and not as it was in the one before.
	eventually(t, "the capture streams", func() error {
		c := shown()
		if c.Phase != capturev1.Phase_PHASE_STREAMING {
			return fmt.Errorf("it is in phase %s", c.Phase)
		}
		if !c.Slot.GetActive() {
			t.Errorf("the slot of a capture that streams is %v", c.Slot)
		}
		return nil
	})
	if err := running.stop(t); err != nil {
		t.Fatal(err)
	}
	// The server may notice a little later that its reader is gone.
	eventually(t, "the slot is free", func() error {
		if pid := s.query(t, "SELECT active_pid::text FROM pg_replication_slots WHERE slot_name = '"+s.db+"'"); pid != "" {
			return errors.New("it is active for PID " + pid)
		}
		return nil
	})
	fleet.idle = []string{name}
	s.exec(t, "INSERT INTO a SELECT generate_series(2, 20000)")
	c := shown()
	if c.GetSlot().GetRetainedBytes() < 1<<20 || c.Slot.Active || c.Phase != capturev1.Phase_PHASE_UNSPECIFIED ||
		c.DurableLsn == "" {
		t.Errorf("a paused capture whose slot keeps log is %v", c)
	}
	s.exec(t, "SELECT pg_drop_replication_slot('"+s.db+"')")
	fleet.configs[name]["heartbeat.interval.ms"] = "1000" // a configuration that changed is looked at again
	if c := shown(); !c.GetSlot().GetMissing() || c.DurableLsn == "" {
		t.Errorf("a paused capture whose slot is gone is %v", c)
	}
}

func TestASlotIsWatchedAlsoWhileKafkaDoesNotSayHowFarItsCaptureHadCome(t *testing.T) {
	s := newSource(t)
	name := "c" + s.db
	away := func(context.Context) (map[string][]byte, error) { return nil, errors.New("no broker answers") }
	fleet := &idleFleet{configs: map[string]map[string]string{name: s.config(name, nil)},
		idle: []string{name}, offsets: away}
	registry := NewRegistry()
	service := NewService(registry, fleet)
	shown := func() *capturev1.Capture {
		idle.Watch{Registry: registry.captures, Fleet: fleet, Logger: slog.New(slog.DiscardHandler)}.Look(t.Context())
		all, err := service.ListCaptures(t.Context(), &capturev1.ListCapturesRequest{})
		if err != nil || len(all.Captures) != 1 {
			t.Fatalf("captures %v, %v", all, err)
		}
		return all.Captures[0]
	}
	if c := shown(); c.Slot != nil || !strings.Contains(c.Reason, "no slot "+s.db) {
		t.Errorf("nothing reports whether the slot ever was, but the capture is %v", c)
	}
	s.exec(t, "SELECT pg_create_logical_replication_slot('"+s.db+"', 'pgoutput')")
	s.exec(t, "CREATE TABLE a AS SELECT generate_series(1, 20000)")
	fleet.configs[name]["heartbeat.interval.ms"] = "1000" // a configuration that changed is looked at again
	if c := shown(); c.GetSlot().GetRetainedBytes() < 1<<20 || c.DurableLsn != "" {
		t.Errorf("the slot keeps log, but the capture is %v", c)
	}
	fleet.offsets = nil
	if c := shown(); c.GetSlot().GetRetainedBytes() < 1<<20 {
		t.Errorf("once Kafka is back the capture is %v", c)
	}
	s.exec(t, "SELECT pg_drop_replication_slot('"+s.db+"')")
	fleet.configs[name]["heartbeat.interval.ms"] = "2000"
	if c := shown(); !c.GetSlot().GetMissing() {
		t.Errorf("a capture that never started and has no slot is %v", c)
	}
}
