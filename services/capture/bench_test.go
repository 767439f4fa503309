package capture

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const ordersTable = `CREATE SCHEMA retail; CREATE TABLE retail.orders_info (orderid serial PRIMARY KEY, custid integer NOT NULL,
	amount integer NOT NULL, city varchar(255) NOT NULL, purchase_time varchar(20) NOT NULL)`

func insertOrders(n int) string {
	return fmt.Sprintf(`INSERT INTO retail.orders_info (custid, amount, city, purchase_time)
		SELECT 1 + g %% 1000, 100 + g %% 100, 'New York', '2026-11-23 10:00:00' FROM generate_series(1, %d) g`, n)
}

// ended returns the end offset of a topic as uncommitted readers see it.
func ended(ctx context.Context, adm *kadm.Client, topic string) int64 {
	ends, err := adm.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0
	}
	var n int64
	ends.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			n += o.Offset
		}
	})
	return n
}

// BenchmarkDrain drains a slot's backlog into a real broker and relates that to what pg_recvlogical takes for the same
// backlog: the walsender's ceiling. It reports rows a second, the ratio, and rows a second of the snapshot before.
func BenchmarkDrain(b *testing.B) {
	const rows, perTx = 200_000, 1000
	s := newSource(b)
	s.exec(b, ordersTable)
	s.exec(b, insertOrders(rows))
	s.exec(b, "VACUUM ANALYZE retail.orders_info")
	client, err := kgo.NewClient(kgo.SeedBrokers(servers.kafka.Bootstrap))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	adm := kadm.NewClient(client)
	topic := s.db + ".retail.orders_info"
	config := s.config("bench", map[string]string{"snapshot.max.threads": os.Getenv("BENCH_THREADS"),
		"producer.override.compression.type": os.Getenv("BENCH_COMPRESSION"),
		"value.converter.schemas.enable":     os.Getenv("BENCH_SCHEMA")})
	for k, v := range config {
		if v == "" {
			delete(config, k)
		}
	}
	begin := time.Now()
	c := start(b, config)
	wait(b, adm, topic, rows)
	snapshot := time.Since(begin)
	time.Sleep(500 * time.Millisecond)
	c.stop(b)
	s.exec(b, "SELECT pg_create_logical_replication_slot('ceiling', 'pgoutput')")
	for range rows / perTx {
		s.exec(b, insertOrders(perTx))
	}
	s.exec(b, "CHECKPOINT")
	b.ResetTimer()
	for range b.N {
		ceiling := recvlogical(b, s)
		from := ended(b.Context(), adm, topic)
		used := cpu(b)
		begin := time.Now()
		c := start(b, config)
		wait(b, adm, topic, from+1)
		first := time.Since(begin)
		wait(b, adm, topic, from+rows)
		drain := time.Since(begin)
		c.stop(b)
		b.ReportMetric(float64((cpu(b)-used).Nanoseconds())/rows/1000, "cpu-us/row")
		b.ReportMetric(rows/snapshot.Seconds(), "snapshot-rows/s")
		b.ReportMetric(rows/drain.Seconds(), "rows/s")
		b.ReportMetric(float64(first.Milliseconds()), "first-ms")
		b.ReportMetric(rows/ceiling.Seconds(), "ceiling-rows/s")
		b.ReportMetric(100*ceiling.Seconds()/drain.Seconds(), "%ceiling")
		b.ReportMetric(float64(peakRSS(b))/(1<<20), "MiB-peak-rss")
	}
}

func wait(b testing.TB, adm *kadm.Client, topic string, n int64) {
	b.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for ended(b.Context(), adm, topic) < n {
		if time.Now().After(deadline) {
			b.Fatalf("%s has %d records, want %d", topic, ended(b.Context(), adm, topic), n)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// recvlogical reads the same backlog with pg_recvlogical and returns how long it took.
func recvlogical(b testing.TB, s *source) time.Duration {
	b.Helper()
	end := s.query(b, "SELECT pg_current_wal_lsn()::text")
	begin := time.Now()
	candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_recvlogical")
	candidates = append(candidates, "pg_recvlogical")
	cmd := exec.Command(candidates[0], "-d", s.URL(s.db), "-S", "ceiling", "--start", "-f", "/dev/null", "--no-loop",
		"--endpos", end, "-o", "proto_version=1", "-o", "publication_names="+s.db, "-F", "0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("pg_recvlogical: %v\n%s", err, out)
	}
	return time.Since(begin)
}

// cpu is the processor time that this process has used: unlike rows a second it hardly depends on what else runs.
func cpu(b testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func peakRSS(b testing.TB) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	var kib int64
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			fmt.Sscan(rest, &kib)
		}
	}
	return kib << 10
}

// BenchmarkCommitToKafka measures, at 100 rows a second, the time from a commit's return to a
// consumer's having the event.
func BenchmarkCommitToKafka(b *testing.B) {
	s := newSource(b)
	s.exec(b, ordersTable)
	start(b, s.config("bench", nil))
	topic := s.db + ".retail.orders_info"
	s.exec(b, insertOrders(1))
	await(b, topic, 1)
	for _, level := range []struct {
		name string
		opt  kgo.Opt
	}{{"uncommitted", kgo.FetchIsolationLevel(kgo.ReadUncommitted())},
		{"committed", kgo.FetchIsolationLevel(kgo.ReadCommitted())}} {
		b.Run(level.name, func(b *testing.B) {
			consumer, err := kgo.NewClient(kgo.SeedBrokers(servers.kafka.Bootstrap), kgo.ConsumeTopics(topic),
				kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()), kgo.FetchMaxWait(10*time.Millisecond), level.opt)
			if err != nil {
				b.Fatal(err)
			}
			defer consumer.Close()
			consumer.PollFetches(shortly(b))
			const n = 500
			sent, got := make(chan time.Time, n), make(chan time.Time, n)
			go func() {
				for seen := 0; seen < n; {
					f := consumer.PollFetches(b.Context())
					now := time.Now()
					f.EachRecord(func(*kgo.Record) { seen++; got <- now })
				}
			}()
			for range n {
				time.Sleep(10 * time.Millisecond)
				s.exec(b, insertOrders(1))
				sent <- time.Now()
			}
			var lag []float64
			for range n {
				at := <-sent
				lag = append(lag, float64((<-got).Sub(at).Microseconds())/1000)
			}
			slices.Sort(lag)
			b.ReportMetric(lag[n/2], "p50-ms")
			b.ReportMetric(lag[n*99/100], "p99-ms")
		})
	}
}

func shortly(b testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(b.Context(), 500*time.Millisecond)
	b.Cleanup(cancel)
	return ctx
}
