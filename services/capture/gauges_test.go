package capture

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
)

// readings collects metrics: the sums over all attributes but those given, by name.
func readings(t testing.TB, reader sdkmetric.Reader) map[string]float64 {
	t.Helper()
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					got[m.Name] += float64(p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					got[m.Name] += p.Value
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					got[m.Name] += float64(p.Value)
				}
			case metricdata.Sum[float64]:
				for _, p := range data.DataPoints {
					got[m.Name] += p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					got[m.Name] += float64(p.Count)
				}
			}
		}
	}
	return got
}

func TestTheMetricsOfACaptureMove(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a SELECT g, 'x' FROM generate_series(1, 10) g")
	reader := sdkmetric.NewManualReader()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	config := s.config("c"+s.db, map[string]string{"max.batch.size": "20"})
	run := startWith(t, servers.kafka.Bootstrap, config, Options{Meter: meters.Meter("test")})
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO a SELECT g, repeat('x', 200) FROM generate_series(11, 3000) g")
	await(t, s.db+".public.a", 3000)
	moving := []string{"cdc_capture_rows", "cdc_capture_transactions", "cdc_capture_snapshot_rows",
		"cdc_capture_commit_to_produce_seconds",
		"cdc_capture_received_lsn", "cdc_capture_confirmed_lsn", "cdc_capture_slot_active", "cdc_capture_slot_wal_status",
		"cdc_capture_snapshot_ranges",
		"cdc_capture_wal_received_bytes", "cdc_capture_backpressure_seconds", "cdc_capture_last_event_age_seconds",
		"cdc_capture_behind_source_seconds"}
	if version := s.query(t, "SELECT current_setting('server_version_num')"); version >= "140000" {
		moving = append(moving, "cdc_capture_spill_bytes")
	}
	shown := []string{"cdc_capture_inflight_bytes", "cdc_capture_inflight_transactions", "cdc_capture_slot_lag_bytes",
		"cdc_capture_slot_retained_wal_bytes",
		"cdc_capture_slot_safe_wal_bytes", "cdc_capture_snapshot_tables_remaining"}
	var got map[string]float64
	eventually(t, "the metrics move", func() error {
		got = readings(t, reader)
		var missing []string
		for _, name := range moving {
			if got[name] <= 0 {
				missing = append(missing, name)
			}
		}
		for _, name := range shown {
			if _, there := got[name]; !there {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("missing or not above 0: %s", strings.Join(missing, ", "))
		}
		return nil
	})
	if got["cdc_capture_snapshot_ranges"] != 1 || got["cdc_capture_snapshot_tables_remaining"] != 0 {
		t.Errorf("%v ranges, %v tables remain; want the one range of the one table done", got["cdc_capture_snapshot_ranges"],
			got["cdc_capture_snapshot_tables_remaining"])
	}
	if row := 200.0; got["cdc_capture_wal_received_bytes"] < 2990*row {
		t.Errorf("%v bytes came, less than the rows have", got["cdc_capture_wal_received_bytes"])
	}

	// Another session of the same task counts on.
	before := got["cdc_capture_wal_received_bytes"]
	s.exec(t, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '"+s.db+"'")
	eventually(t, "the capture counts on after a lost connection", func() error {
		if got := readings(t, reader); got["cdc_capture_reconnects"] < 1 || got["cdc_capture_wal_received_bytes"] < before {
			return fmt.Errorf("%v reconnects, %v bytes, %v before", got["cdc_capture_reconnects"],
				got["cdc_capture_wal_received_bytes"], before)
		}
		return nil
	})
	if err := run.stop(t); err != nil {
		t.Fatal(err)
	}
}

func TestTheSlotIsShownWithItsReaderAndWhatDecodingCost(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, x text)")
	registry := NewRegistry()
	const room = 1 << 50
	run := startWith(t, servers.kafka.Bootstrap, s.config("c"+s.db, map[string]string{"slot.storage.bytes": fmt.Sprint(room)}),
		Options{Registry: registry})
	s.awaitSlot(t)
	nobodys := s.db + "_left"
	s.exec(t, "SELECT pg_create_logical_replication_slot('"+nobodys+"', 'pgoutput')")
	defer s.exec(t, "SELECT pg_drop_replication_slot('"+nobodys+"')")
	// more than logical_decoding_work_mem
	s.exec(t, "INSERT INTO a SELECT g, repeat('x', 200) FROM generate_series(1, 3000) g")
	await(t, s.db+".public.a", 3000)
	version := s.query(t, "SELECT current_setting('server_version_num')")
	pid := s.query(t, "SELECT active_pid::text FROM pg_replication_slots WHERE slot_name = '"+s.db+"'")
	eventually(t, "the slot is shown", func() error {
		got, err := serviceOf(registry).GetCapture(t.Context(), &capturev1.GetCaptureRequest{Connector: "c" + s.db})
		if err != nil {
			return err
		}
		slot := got.Capture.Slot
		if !slot.GetActive() || fmt.Sprint(slot.ActivePid) != pid || slot.Failover != (version >= "170000") ||
			slot.Conflicting || slot.InactiveSince != nil {
			return fmt.Errorf("slot %v, want process %s", slot, pid)
		}
		if slot.LimitedBy != "slot.storage.bytes" || slot.SafeWalBytes+slot.RetainedBytes != room {
			return fmt.Errorf("slot %v, want %d bytes of room for its log", slot, room)
		}
		left := slices.IndexFunc(slot.IdleSlots, func(idle *capturev1.IdleSlot) bool { return idle.Name == nobodys })
		if left < 0 || slot.IdleSlots[left].Database != s.db || slot.IdleSlots[left].RetainedBytes < 3000*200 {
			return fmt.Errorf("idle slots %v, want %s with the log of all rows", slot.IdleSlots, nobodys)
		}
		if version < "140000" {
			return nil
		}
		if c := slot.Statistics; c.GetSpilledTransactions() < 1 || c.Spills < 1 || c.SpilledBytes < 3000*200 ||
			c.TotalTransactions < 1 || c.TotalBytes < 3000*200 || c.StreamedBytes != 0 {
			return fmt.Errorf("statistics %v, want the large transaction spilled and sent", c)
		}
		return nil
	})
	if err := run.stop(t); err != nil {
		t.Fatal(err)
	}
}

func TestEachCapturedTableIsShownWithItsCountsAndWhatItsEventsLack(t *testing.T) {
	s := newSource(t)
	s.exec(t, `CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a VALUES (1, 'x'), (2, 'x');
		CREATE TABLE b (id int); CREATE TABLE c (id int PRIMARY KEY, x text); ALTER TABLE c REPLICA IDENTITY FULL; CREATE TABLE other (id int PRIMARY KEY)`)
	registry := NewRegistry()
	config := s.config("c"+s.db, map[string]string{"table.exclude.list": "public.other", "skipped.operations": "none"})
	start := func() *capture { return startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry}) }
	run := start()
	s.awaitSlot(t)
	s.exec(t,
		"INSERT INTO other VALUES (1); INSERT INTO a VALUES (3, 'y'), (4, 'y'); UPDATE a SET x = 'z' WHERE id < 3; UPDATE a SET id = 40 WHERE id = 4; DELETE FROM a WHERE id = 1; INSERT INTO b VALUES (1)")
	s.exec(t, "TRUNCATE c")
	s.exec(t, "CREATE TABLE d (id int PRIMARY KEY, name varchar(20), amount numeric(10,2)); INSERT INTO d VALUES (1)")
	show := func(t *capturev1.CapturedTable) string {
		var warned []string
		for _, w := range t.Warnings {
			for _, about := range []string{"no key", "refuses", "placeholder"} {
				if strings.Contains(w, about) {
					warned = append(warned, about)
				}
			}
		}
		return fmt.Sprintf("%s %s read %d c %d u %d d %d t %d v%d %s %s%v", strings.TrimPrefix(t.Table, "public."),
			strings.TrimPrefix(t.State.String(), "STATE_"), t.RowsRead,
			t.RowsInserted, t.RowsUpdated, t.RowsDeleted, t.Truncates, t.SchemaVersion, t.ReplicaIdentity, warned,
			t.LastChangeTime != nil)
	}
	awaitTables := func(want ...string) {
		t.Helper()
		eventually(t, "the tables are shown", func() error {
			r, err := serviceOf(registry).ListCapturedTables(t.Context(),
				&capturev1.ListCapturedTablesRequest{Connector: "c" + s.db})
			if err != nil {
				return err
			}
			var got []string
			for _, table := range r.Tables {
				if table.Topic != s.db+"."+table.Table || (table.LastChangeTime == nil) != (table.LastChangeLsn == "") {
					t.Errorf("table %v", table)
				}
				got = append(got, show(table))
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("tables are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			return nil
		})
	}
	awaitTables(
		"a STREAMING read 2 c 2 u 3 d 1 t 0 v1 DEFAULT [placeholder]true",
		"b STREAMING read 0 c 1 u 0 d 0 t 0 v1 DEFAULT [no key refuses]true",
		"c STREAMING read 0 c 0 u 0 d 0 t 1 v1 FULL []true",
		"d STREAMING read 0 c 1 u 0 d 0 t 0 v1 DEFAULT []true")
	s.exec(t, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '"+s.db+"'")
	s.exec(t, "ALTER TABLE d ADD x int; INSERT INTO d VALUES (2)")
	awaitTables( // a lost connection loses no counts
		"a STREAMING read 2 c 2 u 3 d 1 t 0 v1 DEFAULT [placeholder]true",
		"b STREAMING read 0 c 1 u 0 d 0 t 0 v1 DEFAULT [no key refuses]true",
		"c STREAMING read 0 c 0 u 0 d 0 t 1 v1 FULL []true",
		"d STREAMING read 0 c 2 u 0 d 0 t 0 v2 DEFAULT []true")
	if err := run.stop(t); err != nil {
		t.Fatal(err)
	}
}
