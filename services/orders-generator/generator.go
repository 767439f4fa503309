package ordersgenerator

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Pause after a failed transaction: the first, and the longest after doubling.
const (
	minPause = 250 * time.Millisecond
	maxPause = 5 * time.Second
)

// maxBurstTransaction is how many rows of a burst are committed together.
const maxBurstTransaction = 1000

// generator writes changes at a rate and in bursts. Any goroutine may call its methods; run is called once.
type generator struct {
	db      *database
	log     *slog.Logger
	metrics *metrics
	// wake tells run that pace or running has changed.
	wake chan struct{}

	mu sync.Mutex
	// All below are guarded by mu, which is never held during I/O.
	shop    *shop
	seed    int64
	running bool
	pace    *pace
	meter   meter
	started time.Time
	// ready is set once the database could be written to.
	ready     bool
	inserted  int64
	updated   int64
	deleted   int64
	errors    int64
	lastError string
}

func newGenerator(cfg Config, db *database, log *slog.Logger, m *metrics) *generator {
	seed := cfg.Seed
	if seed == 0 {
		seed = rand.Int64()
	}
	rate := cfg.Rate
	if rate == 0 {
		rate = DefaultRate
	}
	now := time.Now()
	return &generator{
		db: db, log: log, metrics: m, wake: make(chan struct{}, 1),
		shop: newShop(seed, cfg.Mix), seed: seed, running: !cfg.Stopped, pace: newPace(rate, now), started: now,
	}
}

// run writes at the rate until ctx ends. A transaction that is running then is finished first.
func (g *generator) run(ctx context.Context, createTable bool) {
	if !g.awaitDatabase(ctx, createTable) {
		return
	}
	pause := minPause
	for ctx.Err() == nil {
		c, wait := g.takeDue(time.Now())
		if c == nil {
			g.sleep(ctx, wait)
			continue
		}
		if err := g.write(context.WithoutCancel(ctx), c); err != nil {
			g.log.Error("writing orders failed; continuing", "err", err)
			g.sleep(ctx, pause)
			pause = min(2*pause, maxPause)
			continue
		}
		pause = minPause
	}
}

// awaitDatabase waits until orders can be written, however long that takes; false if ctx ended first.
func (g *generator) awaitDatabase(ctx context.Context, createTable bool) bool {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		err := g.db.ready(ctx, createTable)
		g.mu.Lock()
		if err == nil {
			g.ready, g.lastError = true, ""
			g.pace = newPace(g.pace.rate, time.Now())
			g.mu.Unlock()
			g.log.Info("writing orders", "table", table, "rate", g.pace.rate)
			return true
		}
		g.lastError = err.Error()
		g.mu.Unlock()
		if ctx.Err() != nil {
			return false
		}
		g.log.Warn("waiting for the database", "err", err)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

// takeDue draws the changes that are due at now, or says how long to wait for them. They count as
// written against the rate from here on: a failed transaction is not repeated, since a lost
// connection does not tell whether it was committed.
func (g *generator) takeDue(now time.Time) (*changes, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.running {
		return nil, time.Hour
	}
	n := g.pace.due(now)
	if n == 0 {
		return nil, max(g.pace.next().Sub(now), time.Millisecond)
	}
	g.pace.wrote(n)
	return g.shop.draw(n), 0
}

// sleep waits for d, for a change of rate, or for the end of ctx.
func (g *generator) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-g.wake:
	}
}

func (g *generator) write(ctx context.Context, c *changes) error {
	begin := time.Now()
	ids, err := g.db.write(ctx, c, begin)
	g.metrics.wrote(ctx, c, time.Since(begin), err)

	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.errors++
		g.lastError = err.Error()
		return err
	}
	g.shop.committed(ids)
	g.inserted += int64(len(c.customers))
	g.updated += int64(len(c.updates))
	g.deleted += int64(len(c.deletes))
	g.meter.add(time.Now(), int64(c.len()))
	return nil
}

// burst writes n orders at once and returns when they are committed.
func (g *generator) burst(ctx context.Context, n int64) error {
	for n > 0 {
		size := min(n, maxBurstTransaction)
		g.mu.Lock()
		c := g.shop.drawOrders(int(size))
		g.mu.Unlock()
		if err := g.write(ctx, c); err != nil {
			return err
		}
		n -= size
	}
	return nil
}

// start begins or continues writing. A rate or seed of 0 keeps the current one.
func (g *generator) start(rate float64, seed int64) {
	g.mu.Lock()
	if rate == 0 {
		rate = g.pace.rate
	}
	if seed != 0 {
		open := g.shop.open
		g.shop, g.seed = newShop(seed, g.shop.mix), seed
		g.shop.open = open
	}
	if !g.running || rate != g.pace.rate {
		g.pace = newPace(rate, time.Now())
	}
	g.running = true
	g.mu.Unlock()
	g.notify()
}

func (g *generator) stop() {
	g.mu.Lock()
	g.running = false
	g.mu.Unlock()
	g.notify()
}

func (g *generator) setRate(rate float64) {
	g.mu.Lock()
	g.pace = newPace(rate, time.Now())
	g.mu.Unlock()
	g.notify()
}

func (g *generator) setMix(m Mix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shop.mix = m
}

func (g *generator) notify() {
	select {
	case g.wake <- struct{}{}:
	default: // run has not yet seen the last change and will see this one with it
	}
}
