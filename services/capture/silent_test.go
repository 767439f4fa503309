package capture

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestAServerThatStopsAnsweringIsSaidToDoSoUntilItAnswersAgain(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	proxy := testenv.RunProxy(t, fmt.Sprintf("%s:%d", s.Host, s.Port))
	config := s.config("c"+s.db, map[string]string{"database.hostname": proxy.Addr, "status.update.interval.ms": "200"})
	board := NewBoard()
	startWith(t, servers.kafka.Bootstrap, config, Options{Board: board})
	await(t, s.db+".public.a", 1)
	phase := func(want capturev1.Phase, words string) {
		t.Helper()
		eventually(t, "the capture is in phase "+want.String(), func() error {
			c := board.find(config["name"]).snapshot()
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

func TestAnIdleCaptureWhoseServerCannotBeAskedSaysWhyItsSlotIsNotWatched(t *testing.T) {
	port, err := testenv.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(t)
	name := "c" + s.db
	fleet := &idleFleet{configs: map[string]map[string]string{name: s.config(name, map[string]string{"database.port": fmt.Sprint(port)})}, idle: []string{name}}
	board := NewBoard()
	board.attend(t.Context(), fleet, slog.New(slog.DiscardHandler))
	all, err := NewService(board, fleet).ListCaptures(t.Context(), &capturev1.ListCapturesRequest{})
	if err != nil || len(all.Captures) != 1 {
		t.Fatalf("captures %v, %v", all, err)
	}
	if c := all.Captures[0]; c.Slot != nil || !strings.Contains(c.Reason, "cannot be looked at") || !strings.Contains(c.Reason, "connection refused") {
		t.Errorf("the capture is %v", c)
	}
}
