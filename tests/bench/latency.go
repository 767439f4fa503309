package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// arrivals notes when a consumer of one isolation level got each order.
type arrivals struct {
	client *kgo.Client
	mu     sync.Mutex
	at     map[int64]time.Time
	done   chan struct{}
}

// watchArrivals consumes a topic from its end.
func watchArrivals(ctx context.Context, brokers, topic string, isolation kgo.IsolationLevel) (*arrivals, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.FetchMaxWait(10*time.Millisecond), kgo.FetchIsolationLevel(isolation))
	if err != nil {
		return nil, fmt.Errorf("make a consumer: %w", err)
	}
	a := &arrivals{client: client, at: map[int64]time.Time{}, done: make(chan struct{})}
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
				if id, ok := orderID(r.Value); ok {
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
	start := time.Now()
	for i := range n {
		due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Until(due)):
		}
		var id int64
		err := conn.QueryRow(ctx, `insert into retail.orders_info (custid, amount, city, purchase_time)
			values (1, 2, 'Seattle', '2020-10-09 07:10:49') returning orderid`).Scan(&id)
		if err != nil {
			return nil, fmt.Errorf("insert an order: %w", err)
		}
		committed[id] = time.Now()
	}
	return committed, nil
}

// delays returns, sorted, how long after its commit each order arrived.
func (a *arrivals) delays(committed map[int64]time.Time) ([]time.Duration, error) {
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
