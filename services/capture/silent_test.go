package capture

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/capture/internal/api"
	"github.com/calypso-cdc/calypso/services/capture/internal/idle"
)

func TestAServerThatStopsAnsweringIsSaidToDoSoUntilItAnswersAgain(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	proxy := testenv.RunProxy(t, fmt.Sprintf("%s:%d", s.Host, s.Port))
	config := s.config("c"+s.db, map[string]string{"database.hostname": proxy.Addr, "status.update.interval.ms": "200"})
	registry := NewRegistry()
	startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	await(t, s.db+".public.a", 1)
	phase := func(want capturev1.Phase, words string) {
		t.Helper()
		eventually(t, "the capture is in phase "+want.String(), func() error {
			c := registry.shown(config["name"])
			if c.Phase != want || !strings.Contains(c.Reason, words) {
				return fmt.Errorf("it is in phase %s: %s", c.Phase, c.Reason)
			}
			return nil
		})
	}
	phase(capturev1.Phase_PHASE_STREAMING, "")
	proxy.Stall()
	phase(capturev1.Phase_PHASE_RETRYING, "wait for PostgreSQL at "+proxy.Addr+", which has not answered")
	proxy.Heal()
	phase(capturev1.Phase_PHASE_STREAMING, "")
	s.exec(t, "INSERT INTO a VALUES (2)")
	await(t, s.db+".public.a", 2)
}

// shown is a capture as CaptureService shows it, without its slot.
func (b *Registry) shown(name string) *capturev1.Capture {
	state := b.captures.Find(name).State()
	return api.CaptureMessage(&state)
}

func TestWhyTheLastAttemptFailedIsSaidWhileTheNextOneWaits(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // what takes connections and says nothing, as another kind of server may
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	s := newSource(t)
	_, port, _ := net.SplitHostPort(mute.Addr().String())
	config := s.config("c"+s.db, map[string]string{"database.port": port, "database.connection.timeout.ms": "1000"})
	registry := NewRegistry()
	startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	now := func() *capturev1.Capture { return registry.shown(config["name"]) }
	eventually(t, "the first attempt fails", func() error {
		if c := now(); c.Phase != capturev1.Phase_PHASE_RETRYING {
			return fmt.Errorf("it is in phase %s: %s", c.Phase, c.Reason)
		}
		return nil
	})
	eventually(t, "the third attempt fails", func() error {
		c := now()
		if c.Phase != capturev1.Phase_PHASE_RETRYING || !strings.Contains(c.Reason, mute.Addr().String()) {
			t.Fatalf("meanwhile it is in phase %s: %s", c.Phase, c.Reason)
		}
		if c.Reconnects < 3 {
			return fmt.Errorf("%d have", c.Reconnects)
		}
		return nil
	})
}

func TestAnIdleCaptureWhoseServerCannotBeAskedSaysWhyItsSlotIsNotWatched(t *testing.T) {
	port, err := testenv.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(t)
	name := "c" + s.db
	fleet := &idleFleet{configs: map[string]map[string]string{name: s.config(name,
		map[string]string{"database.port": fmt.Sprint(port)})}, idle: []string{name}}
	registry := NewRegistry()
	idle.Watch{Registry: registry.captures, Fleet: fleet, Logger: slog.New(slog.DiscardHandler)}.Look(t.Context())
	all, err := NewService(registry, fleet).ListCaptures(t.Context(), &capturev1.ListCapturesRequest{})
	if err != nil || len(all.Captures) != 1 {
		t.Fatalf("captures %v, %v", all, err)
	}
	if c := all.Captures[0]; c.Slot != nil || !strings.Contains(c.Reason, "cannot be looked at") ||
		!strings.Contains(c.Reason, "connection refused") {
		t.Errorf("the capture is %v", c)
	}
}

// Nothing ends a statement that takes long, as one may; but what is waited for is said, and where
// nothing will come the capture begins again where it was.
func TestASnapshotThatTheServerSendsNothingOfSaysSoAndIsCompletedAfterAll(t *testing.T) {
	const rows = 2000
	for name, c := range map[string]struct {
		freeze, thaw func(*testing.T, *testenv.Proxy, *source, int)
		phase        capturev1.Phase
		words        string // empty where the capture begins again at once
	}{
		"the network drops all": {
			func(_ *testing.T, p *testenv.Proxy, _ *source, _ int) { p.Stall() },
			func(_ *testing.T, p *testenv.Proxy, _ *source, _ int) { p.Heal() },
			capturev1.Phase_PHASE_RETRYING, "it does not answer either",
		},
		"the server's process is frozen": {
			func(t *testing.T, p *testenv.Proxy, _ *source, pid int) {
				send(t, pid, syscall.SIGSTOP)
				t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
				p.Heal()
			},
			func(t *testing.T, _ *testenv.Proxy, _ *source, pid int) { send(t, pid, syscall.SIGCONT) },
			capturev1.Phase_PHASE_SNAPSHOTTING, "the server answers others, and its process ",
		},
		"the server's process ended unseen": {
			func(t *testing.T, p *testenv.Proxy, s *source, pid int) {
				p.Abandon()
				p.Heal()
				s.exec(t, fmt.Sprintf("SELECT pg_terminate_backend(%d)", pid))
			},
			func(*testing.T, *testenv.Proxy, *source, int) {}, capturev1.Phase_PHASE_UNSPECIFIED, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t)
			s.exec(t,
				fmt.Sprintf(
					"CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a SELECT g, repeat(md5(g::text), 120) FROM generate_series(1, %d) g", rows))
			proxy := testenv.RunProxy(t, fmt.Sprintf("%s:%d", s.Host, s.Port))
			config := s.config("c"+s.db, map[string]string{"database.hostname": proxy.Addr, "max.batch.size": "10",
				"slot.retry.delay.ms": "100", "slot.max.retries": "600"})
			registry := NewRegistry()
			running := startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
			pid := 0
			eventually(t, "the table is being read", func() error {
				proxy.Slow(10*time.Millisecond, 4<<10) // once the capture has begun: a snapshot of minutes unless it is healed
				text := s.query(t, "SELECT min(pid)::text FROM pg_stat_activity WHERE datname = '"+s.db+
					"' AND query LIKE '%COPY (SELECT ctid%' AND state = 'active' AND pid <> pg_backend_pid()")
				if text == "" {
					return errors.New("it is not")
				}
				var err error
				pid, err = strconv.Atoi(text)
				return err
			})
			eventually(t, "rows come", func() error {
				if len(records(t, s.db+".public.a")) == 0 {
					return errors.New("none has come")
				}
				return nil
			})
			c.freeze(t, proxy, s, pid)
			if c.words != "" {
				eventually(t, "it is said what is waited for", func() error {
					at := registry.shown(config["name"])
					if at.Phase != c.phase || !strings.Contains(at.Reason,
						"wait for PostgreSQL at "+proxy.Addr+" to read table public.a: nothing has come since ") ||
						!strings.Contains(at.Reason, c.words) {
						return fmt.Errorf("the capture is in phase %s: %s", at.Phase, at.Reason)
					}
					return nil
				})
			}
			c.thaw(t, proxy, s, pid)
			s.awaitSlot(t)
			seen := make(map[string]bool)
			for _, e := range await(t, s.db+".public.a", rows) {
				seen[fmt.Sprint(e.After["id"])] = true
			}
			if len(seen) != rows {
				t.Errorf("%d of %d rows came", len(seen), rows)
			}
			if c.words == "" {
				running.mu.Lock()
				defer running.mu.Unlock()
				if text := fmt.Sprint(running.retries); !strings.Contains(text, "the server's process has ended") {
					t.Errorf("the capture tried again because of %s", text)
				}
			}
		})
	}
}

// The server takes requests and no longer answers, as behind something that has forgotten the
// connection: what is waited for is said, and a new connection is tried when connecting would have
// been given up.
func TestAQuestionOfTheStartThatIsNeverAnsweredIsSaidAndAskedAgainOverAnotherConnection(t *testing.T) {
	for words, wait := range map[string]string{
		"'statement_timeout'":  " to open a connection to answer a query of its catalog",
		"pg_backend_pid()":     " to open a connection to answer a query of its catalog",
		"IDENTIFY_SYSTEM":      " to say who it is",
		"START_REPLICATION":    " to start the stream of slot ",
		"SELECT 'beforehand'":  " to open a connection to answer a query of its catalog",
		"CREATE_REPLICATION_S": "waits for PostgreSQL at ",
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
			proxy := testenv.RunProxy(t, fmt.Sprintf("%s:%d", s.Host, s.Port))
			proxy.LoseAt(words)
			registry := NewRegistry()
			config := s.config("c"+s.db, map[string]string{"database.hostname": proxy.Addr,
				"database.connection.timeout.ms": "7000", "internal.create.slot.command.timeout": "8000",
				"database.initial.statements": "SELECT 'beforehand'", "slot.retry.delay.ms": "100", "slot.max.retries": "600"})
			startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
			eventually(t, "it is said what is waited for", func() error {
				e := registry.captures.Find(config["name"])
				if e == nil {
					return errors.New("it has not begun")
				}
				if at := e.State(); !strings.Contains(at.Reason, wait) || !strings.Contains(at.Reason, proxy.Addr) {
					return fmt.Errorf("the capture is in phase %s: %s", at.Phase, at.Reason)
				}
				return nil
			})
			proxy.Heal()
			if words == "SELECT 'beforehand'" { // which may take as long as it likes
				proxy.Reset()
			}
			await(t, s.db+".public.a", 1)
			s.awaitSlot(t)
			s.exec(t, "INSERT INTO a VALUES (2)")
			await(t, s.db+".public.a", 2)
		})
	}
}

func TestAWatermarkThatALockHoldsUpIsSaidToBe(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		"CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); CREATE TABLE sig (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048))")
	config := s.config("c"+s.db, map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.sig",
		"table.include.list": "public.a"})
	registry := NewRegistry()
	startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	s.awaitSlot(t)
	s.exec(t, `BEGIN; INSERT INTO sig VALUES ('s', 'execute-snapshot', '{"data-collections": ["public.a"]}')`)
	other, err := pgx.Connect(t.Context(), s.URL(s.db))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	locked := make(chan error, 1)
	go func() { // after the signal, before the watermark
		_, err := other.Exec(t.Context(), "BEGIN; LOCK TABLE sig IN ACCESS EXCLUSIVE MODE")
		locked <- err
	}()
	eventually(t, "the lock is asked for", func() error {
		if s.query(t, "SELECT count(*)::text FROM pg_locks WHERE relation = 'sig'::regclass AND NOT granted") == "0" {
			return errors.New("it is not")
		}
		return nil
	})
	s.exec(t, "COMMIT")
	if err := <-locked; err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is said who holds the watermark up", func() error {
		at := registry.shown(config["name"])
		if at.Phase != capturev1.Phase_PHASE_STREAMING ||
			!strings.Contains(at.Reason, "to read a chunk of table public.a, or take a watermark of it") ||
			!strings.Contains(at.Reason, "held up by a lock of process") {
			return fmt.Errorf("the capture is in phase %s: %s", at.Phase, at.Reason)
		}
		return nil
	})
	if _, err := other.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	await(t, s.db+".public.a", 1)
}

// As with Debezium, whose stream goes on where heartbeat.action.query fails.
func TestAHeartbeatStatementThatFailsLeavesTheStreamAlone(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	config := s.config("c"+s.db, map[string]string{"snapshot.mode": "no_data", "heartbeat.interval.ms": "20",
		"heartbeat.action.query": "INSERT INTO beats SELECT count(*) FROM beats"})
	registry := NewRegistry()
	running := startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	s.awaitSlot(t)
	eventually(t, "heartbeats come", func() error {
		if len(records(t, "__debezium-heartbeat."+s.db)) < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	s.exec(t, "INSERT INTO a VALUES (1)")
	await(t, s.db+".public.a", 1)
	running.mu.Lock()
	if len(running.retries) > 0 {
		t.Errorf("the capture tried again: %v", running.retries)
	}
	running.mu.Unlock()
	if err := registry.failing(config["name"], "heartbeat.action.query", `relation "beats" does not exist`); err != nil {
		t.Error(err)
	}
	s.exec(t, "CREATE TABLE beats (n int)")
	eventually(t, "the statement runs", func() error {
		if s.query(t, "SELECT count(*)::text FROM beats") == "0" {
			return errors.New("not yet")
		}
		return nil
	})
	eventually(t, "the failure is not shown any more", func() error {
		if all := registry.shown(config["name"]).BackgroundFailures; len(all) > 0 {
			return fmt.Errorf("there are still %v", all)
		}
		return nil
	})
}

// failing is nil if a capture shows that background work fails for a reason.
func (b *Registry) failing(name, work, reason string) error {
	all := b.shown(name).BackgroundFailures
	for _, f := range all {
		if f.Work == work && strings.Contains(f.Reason, reason) && f.Failures > 0 && f.BeginTime != nil && f.Remedy != "" {
			return nil
		}
	}
	return fmt.Errorf("no failure of %s with %q is shown: %v", work, reason, all)
}

func send(t *testing.T, pid int, sig syscall.Signal) {
	if err := syscall.Kill(pid, sig); err != nil {
		t.Skipf("left out: a process of the server cannot be frozen: %v", err)
	}
}
