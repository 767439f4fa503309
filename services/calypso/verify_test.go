package calypso

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/digest/adxdigest"
	"github.com/calypso-cdc/calypso/libs/digest/pgdigest"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/admin/ctl"
)

// calypsoctl runs a command line against a running system and returns what it printed and its exit status.
func calypsoctl(t *testing.T, s *Settings, args ...string) (string, int) {
	t.Helper()
	t.Setenv("CALYPSO_ADDRESS", local(s.AdminPort))
	var out bytes.Buffer
	err := ctl.Run(t.Context(), "test", args, strings.NewReader(""), &out)
	if err != nil {
		out.WriteString(ctl.Message(err))
	}
	return out.String(), ctl.Exit(err)
}

func TestVerifyFindsWhatDiffersAndNothingElseWhileOrdersFlow(t *testing.T) {
	s := upSettings(t, "--rate", "50")
	up(t, s)
	flushQuickly(t, &s)
	generator(t, &s, "burst", `{"orders": 3000}`)
	if out, code := calypsoctl(t, &s, "verify", "pg-orders-source", "--patience", "2m"); code != ctl.ExitOK ||
		!strings.Contains(out, "NetDefaultDB.Orders of adx-orders-sink: equal") ||
		!strings.Contains(out, "compared: orderid, custid, amount, city, purchase_time") {
		t.Errorf("while orders flow: %d\n%s", code, out)
	}
	generator(t, &s, "stop", `{}`)
	awaitSameOrders(t, &s, 3000)
	// The table only grows and has no column of a position: the row that was ingested last is the order's present one.
	conn := postgres(t, &s)
	if _, err := conn.Exec(t.Context(), "UPDATE retail.orders_info SET city = 'Moved' WHERE orderid = 5"); err != nil {
		t.Fatal(err)
	}
	if out, code := calypsoctl(t, &s, "verify", "pg-orders-source", "--patience", "2m"); code != ctl.ExitOK {
		t.Errorf("after an update: %d\n%s", code, out)
	}

	if out, code := calypsoctl(t, &s, "pause", "adx-orders-sink"); code != ctl.ExitOK {
		t.Fatalf("pause: %d %s", code, out)
	}
	if _, err := conn.Exec(t.Context(),
		"INSERT INTO retail.orders_info (orderid, custid, amount, city, purchase_time) VALUES (1000001, 1, 1, 'Only here', '2026-01-02 03:04:05')"); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"1000002,1,Only there,1,2026-01-02", "7,1,Twice,1,2026-01-02"} {
		code, answer, err := call(t.Context(), http.MethodPost, "http://"+local(s.ADXPort)+"/v1/rest/mgmt",
			map[string]string{"db": s.ADXDatabase, "csl": ".ingest inline into table Orders <| " + row})
		if err := outcome("ingesting", http.StatusOK, code, answer, err); err != nil {
			t.Fatal(err)
		}
	}
	out, code := calypsoctl(t, &s, "verify", "pg-orders-source", "--patience", "2s")
	if code != ctl.ExitDifferent {
		t.Errorf("exit status %d", code)
	}
	for _, want := range []string{"key 1000001: missing in Azure Data Explorer",
		"key 1000002: only in Azure Data Explorer", "key 7: other values", "3 keys differ"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if out, code := calypsoctl(t, &s, "resume", "adx-orders-sink"); code != ctl.ExitOK {
		t.Fatalf("resume: %d %s", code, out)
	}
	testenv.Eventually(t, 2*time.Minute, "the missing order", func(ctx context.Context) error {
		if ids, err := ordersInADX(ctx, &s); err != nil || ids["1000001"] == 0 {
			return fmt.Errorf("it is not there: %w", err)
		}
		return nil
	})
	if out, code := calypsoctl(t, &s, "verify", "pg-orders-source", "--patience", "1s", "--table", "retail.orders_info",
		"-o", "json"); code != ctl.ExitDifferent ||
		strings.Contains(out, "KIND_MISSING") || !strings.Contains(out, "KIND_EXTRA") || !strings.Contains(out, `"summary"`) {
		t.Errorf("after the missing order arrived: %d\n%s", code, out)
	}
	for _, args := range [][]string{{"verify", "nobody"}, {"verify", "pg-orders-source", "--table", "retail.nothing"},
		{"verify", "pg-orders-source", "--sink", "nobody"},
		{"verify", "pg-orders-source", "--patience", "-1s"}, {"verify"}} {
		if out, code := calypsoctl(t, &s, args...); code != 2 {
			t.Errorf("%v: %d %s", args, code, out)
		}
	}
}

func TestBothStoresWriteTheSameTextOfEveryKindOfColumn(t *testing.T) {
	s := upSettings(t, "--no-orders")
	up(t, s)
	conn := postgres(t, &s)
	const key = "Königsallee 5 'b'"
	if _, err := conn.Exec(t.Context(),
		`SET TIME ZONE 'Asia/Kolkata'; CREATE TABLE kinds (street text, part int, big bigint, ok boolean, at timestamp(3), zoned timestamptz, said text, day date, id uuid, PRIMARY KEY (street, part));
		INSERT INTO kinds VALUES ('Königsallee 5 ''b''', -7, 9007199254740993, true, '2026-01-02 03:04:05.678', '2026-01-02 03:04:05.678901+00', '2026-01-02 03:04:05', '2026-01-02', '0b0e8f5c-2f0c-4e0e-9a52-0d5a3a6f0001'); INSERT INTO kinds VALUES ('', 0)`); err != nil {
		t.Fatal(err)
	}
	endpoints, err := kusto.DeriveEndpoints(fmt.Sprintf("http://localhost:%d", s.ADXPort), "")
	if err != nil {
		t.Fatal(err)
	}
	client, err := kusto.New(kusto.Config{Endpoints: endpoints, Application: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, command := range []string{
		".create table Kinds (street: string, part: string, big: long, ok: bool, ['at']: datetime, zoned: datetime, said: datetime, ['day']: datetime, id: guid)",
		".ingest inline into table Kinds <| " + key +
			",-7,9007199254740993,true,2026-01-02T03:04:05.678,2026-01-02T03:04:05.678901Z,2026-01-02 03:04:05,2026-01-02,0b0e8f5c-2f0c-4e0e-9a52-0d5a3a6f0001",
		".ingest inline into table Kinds <| ,0,,,,,,,",
	} {
		if _, err := client.Manage(t.Context(), s.ADXDatabase, command); err != nil {
			t.Fatal(err)
		}
	}
	selection := func(target bool) (chosen digest.Selection) {
		for i, c := range []struct {
			name, source string
			encoding     digest.Encoding
			target       string
		}{{"street", "text", digest.Plain, "string"}, {"part", "int4", digest.Whole, "string"},
			{"big", "int8", digest.Whole, "long"}, {"ok", "bool", digest.Truth, "bool"},
			{"at", "timestamp", digest.Milliseconds, "datetime"},
			{"zoned", "timestamptz", digest.ISO, "datetime"}, {"said", "text", digest.Plain, "datetime"},
			{"day", "date", digest.Days, "datetime"}, {"id", "uuid", digest.Plain, "guid"}} {
			from := digest.DescribedColumn{Name: c.name, Type: c.source, Encoding: c.encoding}
			form, err := digest.FormOf(from, c.target)
			if err != nil {
				t.Fatal(err)
			}
			pair := digest.Pair(from, digest.DescribedColumn{Name: c.name, Type: c.target}, form)
			column := pair[0]
			if target {
				column = pair[1]
			}
			if i < 2 {
				chosen.Key = append(chosen.Key, column)
			} else {
				chosen.Columns = append(chosen.Columns, column)
			}
		}
		return chosen
	}
	var found []digest.Difference
	r, err := digest.Compare(t.Context(),
		&pgdigest.Table{Query: conn.Query, Schema: "public", Name: "kinds", Selection: selection(false)},
		&adxdigest.Table{Query: func(ctx context.Context, text string) (*kusto.Table, error) {
			return client.Query(ctx, s.ADXDatabase, text)
		}, Source: "Kinds", Selection: selection(true)},
		digest.Options{Interval: time.Millisecond, MaxDifferences: 10, Found: func(
			d digest.Difference) error {
			found = append(found, d)
			return nil
		}})
	if err != nil || !r.Equal() || r.Source.Rows != 2 || r.Source.Low != r.Target.Low {
		t.Errorf("%+v %v: %+v", r, err, found)
	}
}
