package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/tests/internal/adx"
)

// latency measures from the call that produces an event to the queue message of its blob, at 20 events a second.
func (b *sinkMeasures) latency(ctx context.Context) (table, error) {
	t := table{Heading: "Produced to accepted, 200 events with schema at 20 a second",
		Columns: []string{"conditions", "p50", "Azure's", "p99", "Azure's", "blobs"}}
	for _, m := range []struct {
		name             string
		flush            int
		interval         time.Duration
		azure50, azure99 string
	}{
		{"latency, 4 MiB / 1 s", 4 << 20, time.Second, "0.62 s", "1.11 s"},
		{"latency, use case: 10 kB / 30 s", 10_000, 30 * time.Second, "5.02 s", "29.89 s"},
	} {
		if !b.wanted(m.name) {
			continue
		}
		row, err := func() ([]string, error) {
			r, err := b.against(ctx, slug(m.name), 0)
			if err != nil {
				return nil, err
			}
			defer r.close()
			r.adx.arrived = map[int64]time.Time{}
			topic, err := b.freshTopic(ctx, r, true, r.adx.url(), m.flush, m.interval, nil)
			if err != nil {
				return nil, err
			}
			produced, err := b.produceAt(ctx, topic, true, 200, 20)
			if err != nil {
				return nil, err
			}
			if err := until(ctx, m.interval+time.Minute, func() bool { return r.adx.rows() >= len(produced) }); err != nil {
				return nil, err
			}
			r.adx.mu.Lock()
			defer r.adx.mu.Unlock()
			d, err := delays(produced, r.adx.arrived)
			if err != nil {
				return nil, err
			}
			p50, p99 := percentile(d, .5), percentile(d, .99)
			b.bench.say("%s: p50 %s, p99 %s", m.name, p50, p99)
			return []string{m.name, seconds(p50), m.azure50, seconds(p99), m.azure99, fmt.Sprint(len(r.adx.accepted))}, nil
		}()
		if err != nil {
			return t, fmt.Errorf("%s: %w", m.name, err)
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// streaming measures from the call that produces an event to its row in the answer of a query to localadx.
func (b *sinkMeasures) streaming(ctx context.Context) (table, error) {
	t := table{Heading: "Produced to queryable in localadx, 2000 events at 100 a second",
		Columns: []string{"ingestion.mode", "p50", "p99", "slowest", "queries", "lost", "repeated"}}
	for _, mode := range []string{"adaptive", "streaming"} {
		name := "streaming latency, " + mode
		if !b.wanted(name) {
			continue
		}
		row, err := func() ([]string, error) {
			client, err := b.freshTable(ctx)
			if err != nil {
				return nil, err
			}
			defer client.Close()
			r := &sinkRun{name: slug(name)}
			defer r.close()
			if r.fleet, err = b.stack.Fleet(ctx, "sink", "KUSTO_CA_FILE="+b.stack.ADXAuthority()); err != nil {
				return nil, err
			}
			topic, err := b.freshTopic(ctx, r, false, b.stack.ADX(), 1<<20, 30*time.Second,
				map[string]string{"ingestion.mode": mode})
			if err != nil {
				return nil, err
			}
			watching, stop := context.WithCancel(ctx)
			defer stop()
			w := watchTable(watching, client)
			produced, err := b.produceAt(ctx, topic, false, 2000, 100)
			if err != nil {
				return nil, err
			}
			if err := until(ctx, time.Minute, func() bool { return w.count() >= len(produced) }); err != nil {
				return nil, err
			}
			stop()
			if err := <-w.done; err != nil {
				return nil, err
			}
			d, err := delays(produced, w.at)
			if err != nil {
				return nil, err
			}
			rows, distinct, err := counted(ctx, client)
			if err != nil {
				return nil, err
			}
			b.bench.say("%s: p50 %s, p99 %s", name, percentile(d, .5), percentile(d, .99))
			return []string{mode, milliseconds(percentile(d, .5)), milliseconds(percentile(d, .99)), milliseconds(d[len(d)-1]),
				fmt.Sprint(w.queries),
				fmt.Sprint(len(produced) - distinct), fmt.Sprint(rows - distinct)}, nil
		}()
		if err != nil {
			return t, fmt.Errorf("%s: %w", name, err)
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// queryable measures how fast a full topic comes into a table of localadx, exactly once.
func (b *sinkMeasures) queryable(ctx context.Context) (table, error) {
	t := table{Heading: "Topic to rows queryable in localadx, exactly once",
		Columns: []string{"conditions", "rows", "rows/s", "CPU s per million rows", "peak RSS", "lost", "repeated"}}
	const name = "queryable, 4 MiB"
	if !b.wanted(name) {
		return t, nil
	}
	if err := b.fill(ctx, "schema"); err != nil {
		return t, err
	}
	client, err := b.freshTable(ctx)
	if err != nil {
		return t, err
	}
	defer client.Close()
	r := &sinkRun{name: slug(name)}
	defer r.close()
	if r.fleet, err = b.stack.Fleet(ctx, "sink", "KUSTO_CA_FILE="+b.stack.ADXAuthority()); err != nil {
		return t, err
	}
	process := r.fleet.Worker.Process()
	if err := process.ResetPeakRSS(); err != nil {
		return t, err
	}
	used, err := process.CPU()
	if err != nil {
		return t, err
	}
	start, want := time.Now(), int(b.bench.rows("schema"))
	if err := r.create(ctx, b.stack.ADX(), "schema"+topicSuffix, true, 4<<20, 5*time.Second, nil); err != nil {
		return t, err
	}
	rows, distinct := 0, 0
	var failed error
	if err := until(ctx, 3*time.Minute, func() bool {
		var n []int64
		if n, failed = numbers(ctx, client, "Orders | count"); failed == nil {
			rows = int(n[0])
		}
		return failed != nil || rows >= want
	}); err != nil || failed != nil {
		return t, fmt.Errorf("%s: %w", name, errors.Join(err, failed))
	}
	took := time.Since(start)
	after, err := process.CPU()
	if err != nil {
		return t, err
	}
	peak, err := process.PeakRSS()
	if err != nil {
		return t, err
	}
	if rows, distinct, err = counted(ctx, client); err != nil {
		return t, err
	}
	b.bench.say("%s: %.0f rows/s", name, perSecond(int64(rows), took))
	t.Rows = append(t.Rows, []string{name, fmt.Sprint(rows), thousands(perSecond(int64(rows), took)),
		fmt.Sprintf("%.1f", (after-used).Seconds()/float64(rows)*1e6),
		megabytes(peak), fmt.Sprint(want - distinct), fmt.Sprint(rows - distinct)})
	return t, nil
}

// freshTable makes the table Orders again, with its mapping, and enables streaming ingestion for it.
func (b *sinkMeasures) freshTable(ctx context.Context) (*adx.Client, error) {
	client, err := adx.New(b.stack.ADX(), "orders")
	if err != nil {
		return nil, err
	}
	var mapping []string
	for _, c := range []string{"orderid", "custid", "city", "amount", "purchase_time"} {
		mapping = append(mapping, fmt.Sprintf(`{"column":%q,"Properties":{"path":"$.%s"}}`, c, c))
	}
	for _, command := range []string{
		".drop table Orders ifexists",
		".create table Orders (orderid: long, custid: long, city: string, amount: int, purchase_time: datetime)",
		".create table Orders ingestion json mapping 'OrdersEventMapping' '[" + strings.Join(mapping, ",") + "]'",
		".alter table Orders policy streamingingestion enable",
	} {
		if err := client.Command(ctx, command); err != nil {
			client.Close()
			return nil, err
		}
	}
	return client, nil
}

// freshTopic makes an empty topic and a connector for it, and returns once the connector reads it.
func (b *sinkMeasures) freshTopic(ctx context.Context, r *sinkRun, schemas bool, url string, flush int,
	interval time.Duration, more map[string]string) (string, error) {
	topic := r.name + topicSuffix
	client, err := kgo.NewClient(kgo.SeedBrokers(b.stack.Kafka.Bootstrap))
	if err != nil {
		return "", err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if made, err := admin.CreateTopic(ctx, 1, 1, nil, topic); err != nil || made.Err != nil {
		return "", fmt.Errorf("make topic %s: %w", topic, errors.Join(err, made.Err))
	}
	if err := r.create(ctx, url, topic, schemas, flush, interval, more); err != nil {
		return "", err
	}
	reads := false
	if err := until(ctx, time.Minute, func() bool {
		groups, err := admin.DescribeGroups(ctx, "connect-"+r.name)
		if err != nil {
			return false
		}
		reads = groups["connect-"+r.name].State == "Stable" && len(groups.AssignedPartitions()[topic]) == 1
		return reads
	}); err != nil {
		return "", err
	}
	if !reads {
		return "", fmt.Errorf("connector %s did not begin to read %s; the end of the sink's log:\n%s", r.name, topic,
			r.fleet.Worker.Process().Tail(10))
	}
	return topic, nil
}

// produceAt produces n events at a rate a second, and returns when it produced each.
func (b *sinkMeasures) produceAt(ctx context.Context, topic string, schemas bool, n int,
	rate float64) (map[int64]time.Time, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.stack.Kafka.Bootstrap), kgo.DefaultProduceTopic(topic),
		kgo.ProducerLinger(0))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var mu sync.Mutex
	var failed error
	produced := make(map[int64]time.Time, n)
	if err := paced(ctx, n, rate, func(i int) error {
		id := int64(i + 1)
		key, value := event(schemas, id)
		produced[id] = time.Now()
		client.Produce(ctx, &kgo.Record{Key: key, Value: value}, func(_ *kgo.Record, err error) {
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
		})
		return nil
	}); err != nil {
		return nil, err
	}
	if err := client.Flush(ctx); err != nil {
		return nil, err
	}
	mu.Lock()
	defer mu.Unlock()
	return produced, failed
}

// tableWatch notes when a query first gave each order.
type tableWatch struct {
	mu      sync.Mutex
	at      map[int64]time.Time
	queries int
	done    chan error
}

func (w *tableWatch) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.at)
}

// watchTable asks for orders that it has not seen, again and again, until ctx ends. Orders come in
// the order of their ids.
func watchTable(ctx context.Context, client *adx.Client) *tableWatch {
	w := &tableWatch{at: map[int64]time.Time{}, done: make(chan error, 1)}
	go func() {
		last := int64(0)
		for {
			ids, err := numbers(ctx, client, "Orders | where orderid > "+strconv.FormatInt(last, 10)+" | project orderid")
			now := time.Now()
			if ctx.Err() != nil {
				w.done <- nil
				return
			}
			if err != nil {
				w.done <- err
				return
			}
			w.mu.Lock()
			w.queries++
			for _, id := range ids {
				w.at[id], last = now, max(last, id)
			}
			w.mu.Unlock()
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return w
}

// numbers runs a query whose rows hold one number each.
func numbers(ctx context.Context, client *adx.Client, query string) ([]int64, error) {
	rows, err := client.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(rows))
	for i, row := range rows {
		if out[i], err = strconv.ParseInt(row.Values()[0].String(), 10, 64); err != nil {
			return nil, fmt.Errorf("%s: %w", query, err)
		}
	}
	return out, nil
}

// counted returns how many rows the table has, and how many different orders.
func counted(ctx context.Context, client *adx.Client) (rows, distinct int, err error) {
	all, err := numbers(ctx, client, "Orders | count")
	if err != nil {
		return 0, 0, err
	}
	different, err := numbers(ctx, client, "Orders | summarize by orderid | count")
	if err != nil {
		return 0, 0, err
	}
	return int(all[0]), int(different[0]), nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
