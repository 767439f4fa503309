package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

// arrivals notes when a consumer of one isolation level got each order.
type arrivals struct {
	client *kgo.Client
	mu     sync.Mutex
	at     map[int64]time.Time
	// keep says which orders count; nil for all.
	keep func(id int64) bool
	done chan struct{}
}

// levels are the two kinds of consumers.
var levels = []kgo.IsolationLevel{kgo.ReadUncommitted(), kgo.ReadCommitted()}

// latencyAtRest commits rows one by one and waits for them in two consumers.
func (s *session) latencyAtRest(ctx context.Context, c connector, f format) error {
	// The first rows show that both consumers are at the end of the topic; they are not counted.
	if _, err := insertOrders(ctx, s.conn, 200, 100); err != nil {
		return err
	}
	cells, err := s.watch(ctx, c, levels, nil, func() (map[int64]time.Time, error) {
		if _, err := insertOrders(ctx, s.conn, 200, 100); err != nil {
			return nil, err
		}
		return insertOrders(ctx, s.conn, s.bench.latency, 100)
	})
	s.latencies.add(append([]string{f.title, "100 rows/s"}, cells...)...)
	return err
}

// transactionRows is how many rows a transaction has under load.
const transactionRows = 1000

// latencyAtHalf finds how many rows a second pass from a writer, which shares the machine, to a
// consumer, and then measures the latency of the last row of each transaction at half of that rate;
// one consumer at a time.
func (s *session) latencyAtHalf(ctx context.Context, c connector, f format) error {
	most, err := s.sustained(ctx, c)
	if err != nil {
		return err
	}
	cells := []string{f.title, fmt.Sprintf("%.0f k rows/s, half of the %.0f k that pass", most/2000, most/1000)}
	for _, level := range levels {
		first, err := insertMany(ctx, s.conn, transactionRows)
		if err != nil {
			return err
		}
		last := func(id int64) bool { return (id-first)%transactionRows == 0 }
		cell, err := s.watch(ctx, c, []kgo.IsolationLevel{level}, last, func() (map[int64]time.Time, error) {
			const seconds = 10
			committed := make(map[int64]time.Time)
			return committed, paced(ctx, int(most/2*seconds/transactionRows), most/2/transactionRows, func(int) error {
				id, err := insertMany(ctx, s.conn, transactionRows)
				committed[id] = time.Now()
				return err
			})
		})
		if err != nil {
			return err
		}
		cells = append(cells, cell...)
	}
	s.latencies.add(cells...)
	return nil
}

// sustained is how many rows a second arrive while a writer commits transactions as fast as it can.
func (s *session) sustained(ctx context.Context, c connector) (float64, error) {
	a, err := watchArrivals(ctx, s.stack.Kafka.Bootstrap, c.topic, levels[0], nil)
	if err != nil {
		return 0, err
	}
	defer a.close()
	start, rows, last := time.Now(), 0, int64(0)
	for time.Since(start) < 8*time.Second {
		if last, err = insertMany(ctx, s.conn, transactionRows); err != nil {
			return 0, err
		}
		rows += transactionRows
	}
	arrived, err := a.await(ctx, map[int64]time.Time{last: start})
	if err != nil {
		return 0, err
	}
	s.say("%s: wrote %d rows, the last arrived after %v", c.name, rows, arrived[0])
	return float64(rows) / arrived[0].Seconds(), nil
}

// watch returns, for each level, the percentiles of how long the orders that write commits take to such a consumer.
func (s *session) watch(ctx context.Context, c connector, levels []kgo.IsolationLevel, keep func(int64) bool,
	write func() (map[int64]time.Time, error)) ([]string, error) {
	var consumers []*arrivals
	for _, level := range levels {
		a, err := watchArrivals(ctx, s.stack.Kafka.Bootstrap, c.topic, level, keep)
		if err != nil {
			return nil, err
		}
		defer a.close()
		consumers = append(consumers, a)
	}
	time.Sleep(time.Second) // until all are at the topic's end
	rows, err := write()
	if err != nil {
		return nil, err
	}
	var cells []string
	for _, a := range consumers {
		d, err := a.await(ctx, rows)
		if err != nil {
			return nil, err
		}
		s.say("%s: p50 %v, p90 %v, p99 %v", c.name, percentile(d, .5), percentile(d, .9), percentile(d, .99))
		cells = append(cells, milliseconds(percentile(d, .5))+" / "+milliseconds(percentile(d, .99)))
	}
	return cells, nil
}

// insertMany commits n orders in one transaction and returns the last one's number.
func insertMany(ctx context.Context, conn *pgx.Conn, n int) (id int64, err error) {
	err = conn.QueryRow(ctx,
		fmt.Sprintf("with written as ("+insertRows+" returning orderid) select max(orderid) from written", n)).Scan(&id)
	if err != nil {
		err = fmt.Errorf("insert %d orders: %w", n, err)
	}
	return id, err
}

// watchArrivals consumes a topic from its end.
func watchArrivals(ctx context.Context, brokers, topic string, isolation kgo.IsolationLevel,
	keep func(int64) bool) (*arrivals, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.FetchMaxWait(10*time.Millisecond), kgo.FetchIsolationLevel(isolation))
	if err != nil {
		return nil, fmt.Errorf("make a consumer: %w", err)
	}
	a := &arrivals{client: client, keep: keep, at: map[int64]time.Time{}, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		for {
			fetches := client.PollFetches(ctx)
			now := time.Now()
			if fetches.IsClientClosed() || ctx.Err() != nil {
				return
			}
			a.mu.Lock()
			fetches.EachRecord(func(r *kgo.Record) {
				if id, ok := orderID(r.Value); ok && (keep == nil || keep(id)) {
					if _, seen := a.at[id]; !seen {
						a.at[id] = now
					}
				}
			})
			a.mu.Unlock()
		}
	}()
	return a, nil
}

func (a *arrivals) close() {
	a.client.Close()
	<-a.done
}

func (a *arrivals) has(id int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.at[id]
	return ok
}

// orderID finds the number behind the last "orderid": of an event, that of the row after the change.
func orderID(value []byte) (int64, bool) {
	i := bytes.LastIndex(value, []byte(`"orderid":`))
	if i < 0 {
		return 0, false
	}
	digits := value[i+len(`"orderid":`):]
	n := 0
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	id, err := strconv.ParseInt(string(digits[:n]), 10, 64)
	return id, err == nil
}

// insertOrders commits n orders, one a transaction, at a rate a second, and returns when each commit returned.
func insertOrders(ctx context.Context, conn *pgx.Conn, n int, rate float64) (map[int64]time.Time, error) {
	committed := make(map[int64]time.Time, n)
	err := paced(ctx, n, rate, func(int) error {
		var id int64
		err := conn.QueryRow(ctx, `insert into retail.orders_info (custid, amount, city, purchase_time)
			values (1, 2, 'Seattle', '2020-10-09 07:10:49') returning orderid`).Scan(&id)
		if err != nil {
			return fmt.Errorf("insert an order: %w", err)
		}
		committed[id] = time.Now()
		return nil
	})
	return committed, err
}

// paced does something n times at a rate a second, from 0 to n-1, each when it is due.
func paced(ctx context.Context, n int, rate float64, do func(i int) error) error {
	start := time.Now()
	for i := range n {
		due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		if err := do(i); err != nil {
			return err
		}
	}
	return nil
}

// await returns, sorted, how long after its commit each order arrived, once all have.
func (a *arrivals) await(ctx context.Context, committed map[int64]time.Time) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for id := range committed {
		if err := testenv.WaitFor(ctx, fmt.Sprintf("order %d", id), func(context.Context) error {
			if !a.has(id) {
				return errors.New("not in the consumer yet")
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return delays(committed, a.at)
}

// delays returns, sorted, how long after its beginning each order arrived.
func delays(begun, arrived map[int64]time.Time) ([]time.Duration, error) {
	var d []time.Duration
	for id, at := range begun {
		then, ok := arrived[id]
		if !ok {
			return nil, fmt.Errorf("order %d never arrived", id)
		}
		d = append(d, then.Sub(at))
	}
	slices.Sort(d)
	return d, nil
}
