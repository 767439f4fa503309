package calypso

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/admin/ctl"
)

func TestATableThatWasDroppedIsRefilledByTheCommandThatItsFailureNames(t *testing.T) {
	s := upSettings(t, "--no-orders")
	up(t, s)
	conn := postgres(t, &s)
	run := func(statement string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	do := func(args ...string) string {
		t.Helper()
		out, code := calypsoctl(t, &s, args...)
		if code != ctl.ExitOK {
			t.Fatalf("%v: exit status %d\n%s", args, code, out)
		}
		return out
	}
	run("CREATE TABLE gone (id int PRIMARY KEY)")
	run("INSERT INTO gone SELECT generate_series(1, 10)")
	manage(t, &s, ".create table gone (id: long)")
	connect(t, &s, "gone", "gone", nil, map[string]string{"auto.create": "false"})
	awaitRows(t, &s, "gone", 10)

	manage(t, &s, ".drop table gone")
	run("INSERT INTO gone VALUES (11)")
	var said string
	testenv.Eventually(t, 2*time.Minute, "the sink to fail", func(context.Context) error {
		if said = do("describe", "gone-sink"); !strings.Contains(said, "failed") {
			return errors.New(said)
		}
		return nil
	})
	said = strings.Join(strings.Fields(said), " ")
	command := regexp.MustCompile(`calypsoctl (offsets reset gone-sink --topic gone\.public\.gone)`).FindStringSubmatch(said)
	if command == nil || !strings.Contains(said, "calypsoctl snapshot start <source connector> --table <schema.table>") {
		t.Fatalf("the failure does not say how the table gets its rows again: %s", said)
	}
	manage(t, &s, ".create table gone (id: long)")
	reset := strings.Fields(command[1])
	if before := do(reset...); !strings.Contains(before, "--yes does it") {
		t.Errorf("without --yes the command says: %s", before)
	}
	do(append(reset, "--yes")...)
	do("restart", "gone-sink")
	awaitRows(t, &s, "gone", 11)

	// By the other way each row comes once more, which is said.
	if started := strings.Join(strings.Fields(do("snapshot", "start", "gone", "--table", "public.gone")), " "); !strings.Contains(
		started, "come into their topics once more") && !strings.Contains(started, "comes into their topics once more") {
		t.Errorf("what a snapshot brings again is not said: %s", started)
	}
	awaitRows(t, &s, "gone", 22)

	// Tools that know Kafka Connect's API are told in a header.
	do("stop", "gone-sink")
	testenv.Eventually(t, time.Minute, "the offsets are removed", func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodDelete,
			"http://"+local(s.SinkPort)+"/connectors/gone-sink/offsets", nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if body, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s %s", answer.Status, body)
		}
		if warned := strings.Join(answer.Header.Values("Warning"), " "); !strings.Contains(warned, "twice") {
			t.Errorf("that rows come twice is not said: %q", warned)
		}
		return nil
	})
}
