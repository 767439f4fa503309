package probe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/probe"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// localadx runs a server with more arguments and returns a client of it.
func localadx(t *testing.T, more ...string) *kusto.Client {
	t.Helper()
	binary, err := testenv.Build(t.Context(), "localadx")
	if err != nil {
		t.Fatal(err)
	}
	dir, port, secure := t.TempDir(), testenv.Port(t), testenv.Port(t)
	process, err := testenv.StartProcess(testenv.Command{Path: binary, Log: filepath.Join(dir, "log"),
		Args: append([]string{
			"--http", fmt.Sprintf("localhost:%d", port), "--https", fmt.Sprintf("localhost:%d", secure), "--data",
			filepath.Join(dir, "data"), "--database", "shop", "--log-level", "warn",
		}, more...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Stop(os.Interrupt, 10*time.Second) })
	endpoints, err := kusto.DeriveEndpoints(fmt.Sprintf("http://localhost:%d", port), "")
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(dir, "data", "ca.pem")
	var client *kusto.Client
	testenv.Eventually(t, time.Minute, "localadx", func(ctx context.Context) (err error) {
		if client == nil {
			if client, err = kusto.New(kusto.Config{Endpoints: endpoints, CAFile: ca,
				Auth: kusto.Auth{Strategy: kusto.NoAuth}}); err != nil {
				return err
			}
		}
		_, err = client.Manage(ctx, "shop", ".show tables")
		return err
	})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// leaves asserts that nothing of the probe is in the database.
func leaves(t *testing.T, client *kusto.Client, r *probe.Report) {
	t.Helper()
	for _, command := range []string{".show tables", ".show materialized-views"} {
		answer, err := client.Manage(t.Context(), "shop", command)
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Rows) > 0 || len(r.Left) > 0 {
			t.Errorf("%s: %v is left; the report says %v", command, answer.Rows, r.Left)
		}
	}
}

// told are the findings by their names.
func told(r *probe.Report) map[string]probe.Finding {
	all := map[string]probe.Finding{}
	for _, f := range r.Findings {
		all[f.Name] = f
	}
	return all
}

func options() probe.Options { return probe.Options{Version: "test", Told: func(probe.Finding) {}} }

func TestAProbeOfADXTellsTheFormsOfTheServiceApart(t *testing.T) {
	const (
		twice, once, times = "a blob whose tag is there already", "equal blobs at once", "time until the final status"
		before, after      = "a row streamed directly after a column was added",
			"a row streamed after the schema cache was cleared"
		reserved, dollar = "a column named __op", "a column named $x"
		late, whole      = "a materialized view without backfill", "a materialized view with backfill"
	)
	type want struct {
		verdict probe.Verdict
		seen    string
	}
	for name, c := range map[string]struct {
		arguments []string
		want      map[string]want
	}{
		"as it runs locally": {nil, map[string]want{
			twice:  {probe.AsExpected, "the second as Skipped, details"},
			once:   {probe.AsExpected, "5 pairs ended (5 as Skipped, 5 as Succeeded); rows: 5, of which different: 5"},
			times:  {probe.AsExpected, "12 ingestions"},
			before: {probe.AsExpected, "10 of 10 rows have"}, after: {probe.AsExpected, "10 of 10 rows have"},
			reserved: {probe.Otherwise, "made the table"}, dollar: {probe.AsExpected, "may not contain"},
			late: {probe.Otherwise, "it has 4, of which later: 1"}, whole: {probe.AsExpected, "it has 4, of which later: 1"},
		}},
		"as the service is": {[]string{"--like-adx", "skipped-as-failed,streaming-cache,reserved-names,views-from-creation"},
			map[string]want{
				twice: {probe.AsExpected,
					"the second as Failed, code Skipped_IngestByTagAlreadyExists, failure status Permanent, details"},
				once: {probe.AsExpected,
					"5 pairs ended (5 as Failed Skipped_IngestByTagAlreadyExists, 5 as Succeeded); rows: 5, of which different: 5"},
				times:  {probe.AsExpected, "12 ingestions"},
				before: {probe.AsExpected, "0 of 10 rows have"}, after: {probe.AsExpected, "10 of 10 rows have"},
				reserved: {probe.AsExpected, "reserved"}, dollar: {probe.AsExpected, "may not contain"},
				late: {probe.AsExpected, "it has 1, of which later: 1"}, whole: {probe.AsExpected, "it has 4, of which later: 1"},
			}},
		"as the service is where it also repeats and gives up by itself": {[]string{"--like-adx", "all"},
			map[string]want{
				twice: {probe.AsExpected, "the second as Failed, code Skipped_IngestByTagAlreadyExists"},
				once:  {probe.AsExpected, "rows: 5, of which different: 5"}, times: {probe.AsExpected, "12 ingestions"},
			}},
		"the same with the other form of a dropped blob": {[]string{"--like-adx", "all,-skipped-as-failed"},
			map[string]want{
				twice: {probe.AsExpected, "the second as Skipped"},
				once:  {probe.AsExpected, "rows: 5, of which different: 5"}, times: {probe.AsExpected, "12 ingestions"},
			}},
	} {
		t.Run(name, func(t *testing.T) {
			client := localadx(t, c.arguments...)
			report := probe.ADX(t.Context(), client, "shop", options())
			found := told(report)
			for name, w := range c.want {
				if f := found[name]; f.Verdict != w.verdict || !strings.Contains(f.Seen, w.seen) || f.Follows == "" {
					t.Errorf("%s: %+v", name, f)
				}
			}
			leaves(t, client, report)

			text, err := report.JSON()
			var again probe.Report
			if err != nil || json.Unmarshal(text, &again) != nil || len(again.Findings) != len(report.Findings) {
				t.Errorf("as JSON: %s, %v", text, err)
			}
			page := string(report.Markdown())
			for _, f := range report.Findings {
				if !strings.Contains(page, "## "+f.Name+": "+string(f.Verdict)) {
					t.Errorf("%s is not in the report:\n%s", f.Name, page)
				}
			}
		})
	}
}

// The table of statuses takes 10^4 requests a day, which all who ingest into a cluster share.
func TestAProbeOfADXWhoseStatusTableTellsNothingSaysSoOnceAndTriesTheRest(t *testing.T) {
	for name, c := range map[string]struct {
		arguments     []string
		seen, follows string
	}{
		// The one request is taken by the entity that the client makes before it queues.
		"throttled": {[]string{"--status-operations", "1"}, "the status table was throttled for", "flush.interval.ms"},
	} {
		t.Run(name, func(t *testing.T) {
			client := localadx(t, c.arguments...)
			o := options()
			o.StatusPatience = 20 * time.Second
			report := probe.ADX(t.Context(), client, "shop", o)
			found := told(report)
			var seen []string
			for _, name := range []string{"a blob whose tag is there already", "equal blobs at once",
				"time until the final status"} {
				f := found[name]
				if f.Verdict != probe.Untried || !strings.Contains(f.Seen, "could not be told: "+c.seen) ||
					!strings.Contains(f.Follows, c.follows) {
					t.Errorf("%s: %+v", name, f)
				}
				seen = append(seen, f.Seen)
			}
			if seen[0] != seen[1] || seen[0] != seen[2] {
				t.Errorf("it was waited for more than once: %q", seen)
			}
			if f := found["a row streamed after the schema cache was cleared"]; f.Verdict != probe.AsExpected {
				t.Errorf("what needs no status: %+v", f)
			}
			leaves(t, client, report)
		})
	}
}

func TestAProbeOfADXThatIsEndedLeavesNothingBehind(t *testing.T) {
	client := localadx(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := options()
	o.Told = func(f probe.Finding) {
		if f.Name == "a materialized view without backfill" {
			cancel()
		}
	}
	report := probe.ADX(ctx, client, "shop", o)
	if f := report.Findings[len(report.Findings)-1]; f.Verdict != probe.Untried {
		t.Errorf("after the end: %+v", f)
	}
	leaves(t, client, report)
}

func TestAProbeOfADXNamesWhatOneThatWasKilledHasLeft(t *testing.T) {
	client := localadx(t)
	for _, command := range []string{".create table calypso_probe_killed (k:string)",
		".create materialized-view calypso_probe_killed_view on table calypso_probe_killed { calypso_probe_killed | summarize count() by k }"} {
		if _, err := client.Manage(t.Context(), "shop", command); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report := probe.ADX(ctx, client, "shop", options())
	if left := strings.Join(report.Left, "\n"); len(report.Left) != 2 ||
		!strings.HasPrefix(left, "materialized view calypso_probe_killed_view: .drop materialized-view ['calypso_probe_killed_view']") ||
		!strings.Contains(left, ".drop table ['calypso_probe_killed']") {
		t.Errorf("left: %s", left)
	}
}

func TestAProbeOfADXSaysWhichRightIsMissingAndTriesTheRest(t *testing.T) {
	client := localadx(t, "--roles", "user,ingestor")
	report := probe.ADX(t.Context(), client, "shop", options())
	found := told(report)
	if f := found["a blob whose tag is there already"]; f.Verdict != probe.AsExpected {
		t.Errorf("what the roles allow: %+v", f)
	}
	if f := found["a materialized view with backfill"]; f.Verdict != probe.Untried || !strings.Contains(f.Seen, "Admin") {
		t.Errorf("what they do not: %+v", f)
	}
	// These roles may make tables and not drop them: what is left is said, with the command.
	if len(report.Left) == 0 {
		t.Error("nothing is said to be left")
	}
	for _, l := range report.Left {
		if !strings.Contains(l, ".drop table ['calypso_probe_") {
			t.Errorf("left: %s", l)
		}
	}
}

func TestAProbeOfTheEmulatorSaysWhatItLacks(t *testing.T) {
	for _, way := range []string{"syntax-error", "wrong-endpoint"} {
		t.Run(way, func(t *testing.T) {
			client := localadx(t, "--emulator", way)
			report := probe.ADX(t.Context(), client, "shop", options())
			found := told(report)
			for _, name := range []string{"a blob whose tag is there already", "equal blobs at once",
				"time until the final status", "a row streamed directly after a column was added"} {
				if f := found[name]; f.Verdict != probe.Untried || f.Seen == "" {
					t.Errorf("%s: %+v", name, f)
				}
			}
			if f := found["a materialized view with backfill"]; f.Verdict != probe.AsExpected {
				t.Errorf("what it has: %+v", f)
			}
			leaves(t, client, report)
		})
	}
}
