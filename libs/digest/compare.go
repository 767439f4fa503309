package digest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
)

// Kind is how the two sides of a key differ.
type Kind int

const (
	// A Missing key is only in the source, an Extra one only in the target, a Different one in both
	// with different values.
	Missing Kind = iota + 1
	Extra
	Different
)

// Difference is a key whose rows differ.
type Difference struct {
	// Key and Place are as in Row.
	Key   string
	Place int64
	Kind  Kind
}

// Options are the options of Compare.
type Options struct {
	// Patience is how long a change in the source may take to reach the target; a row that differs for
	// longer, without a change in the source, is a difference.
	Patience time.Duration
	// Interval is the time between two checks of the candidates.
	Interval time.Duration
	// MaxDifferences ends the comparison when so many differences are found; at least 1.
	MaxDifferences int
	// Progress and Found are called as the comparison goes on and for each difference; if they return
	// an error, the comparison ends with it.
	Progress func(Progress) error
	Found    func(Difference) error
}

// Progress is the progress of a comparison.
type Progress struct {
	// Rows of the source's Total rows are compared.
	Rows, Total int64
	// Pending are candidates that may still be in flight.
	Pending int
	// Differences counts the differences found.
	Differences int
}

// Result is the outcome of a comparison.
type Result struct {
	// Source and Target are the extents at the start, or at the end if the two differed at the start.
	Source, Target Extent
	Differences    int
	// Unsettled counts rows that kept changing in the source, so that nothing can be said about them.
	Unsettled int
	// Truncated is true if the comparison ended early, at MaxDifferences.
	Truncated bool
}

// Equal reports whether no row differs.
func (r Result) Equal() bool { return r.Differences == 0 }

// maxChanges is after how many changes in the source a candidate counts as unsettled.
const maxChanges = 20

// candidate is a key whose rows differed when they were last checked.
type candidate struct {
	place int64
	// source is the source's row at that time; nil if there was none.
	source *Row
	// since is when the source's row was first seen in this form.
	since   time.Time
	changes int
}

// comparison is one run of Compare.
type comparison struct {
	options        Options
	source, target Table
	result         Result
	compared       int64
	pending        map[string]*candidate
}

// Compare compares two tables. It ignores rows whose places are outside the range at the start.
func Compare(ctx context.Context, source, target Table, o Options) (Result, error) {
	c := &comparison{options: o, source: source, target: target, pending: map[string]*candidate{}}
	if o.MaxDifferences < 1 || o.Interval <= 0 {
		return c.result, fmt.Errorf("compare tables: MaxDifferences is %d and Interval %v; both must be positive",
			o.MaxDifferences, o.Interval)
	}
	if err := c.extents(ctx); err != nil {
		return c.result, err
	}
	if whole, any := union(c.result.Source, c.result.Target); any {
		for _, span := range whole.halves() {
			if err := c.descend(ctx, span); err != nil {
				return c.result, err
			}
		}
	}
	if err := c.settle(ctx); err != nil || c.result.Source == c.result.Target || c.result.Truncated {
		return c.result, err
	}
	return c.result, c.extents(ctx) // rows were in flight at the start
}

func (c *comparison) extents(ctx context.Context) error {
	return c.both(ctx, func(ctx context.Context) (err error) { c.result.Source, err = c.source.Extent(ctx); return err },
		func(ctx context.Context) (err error) { c.result.Target, err = c.target.Extent(ctx); return err })
}

// both queries both sides at the same time.
func (c *comparison) both(ctx context.Context, source, target func(context.Context) error) error {
	group, ctx := contain.WithContext(ctx)
	group.Go("comparison, source", func() error { return source(ctx) })
	group.Go("comparison, target", func() error { return target(ctx) })
	return group.Wait()
}

func union(a, b Extent) (Span, bool) {
	switch {
	case a.Rows == 0 && b.Rows == 0:
		return Span{}, false
	case a.Rows == 0:
		return Span{b.Low, b.High}, true
	case b.Rows == 0:
		return Span{a.Low, a.High}, true
	}
	return Span{min(a.Low, b.Low), max(a.High, b.High)}, true
}

// descend compares the buckets of a span and descends into those that differ, in order.
func (c *comparison) descend(ctx context.Context, span Span) error {
	var s, t map[int64]Digest
	if err := c.both(ctx, func(ctx context.Context) (err error) { s, err = byBucket(ctx, c.source, span); return err },
		func(ctx context.Context) (err error) { t, err = byBucket(ctx, c.target, span); return err }); err != nil {
		return err
	}
	all := maps.Clone(s)
	maps.Copy(all, t)
	for _, n := range slices.Sorted(maps.Keys(all)) {
		if c.result.Truncated {
			return nil
		}
		bucket := span.bucket(n)
		switch {
		case s[n] == t[n]:
			c.compared += s[n].Rows
		case max(s[n].Rows, t[n].Rows) <= leafRows || bucket.Low == bucket.High:
			c.compared += s[n].Rows
			if err := c.list(ctx, bucket); err != nil {
				return err
			}
		default:
			if err := c.descend(ctx, bucket); err != nil {
				return err
			}
		}
	}
	return c.report()
}

func byBucket(ctx context.Context, t Table, span Span) (map[int64]Digest, error) {
	digests, err := t.Digests(ctx, span)
	m := make(map[int64]Digest, len(digests))
	for _, d := range digests {
		m[d.Bucket] = d
	}
	return m, err
}

func (c *comparison) report() error {
	if c.options.Progress == nil {
		return nil
	}
	return c.options.Progress(Progress{Rows: c.compared, Total: c.result.Source.Rows, Pending: len(c.pending),
		Differences: c.result.Differences})
}

// list compares the rows of a span one by one; those that differ become candidates.
func (c *comparison) list(ctx context.Context, span Span) error {
	var s, t map[string]Row
	if err := c.both(ctx,
		func(ctx context.Context) error {
			rows, err := c.source.Rows(ctx, span)
			s = byKey(rows)
			return err
		},
		func(ctx context.Context) error {
			rows, err := c.target.Rows(ctx, span)
			t = byKey(rows)
			return err
		}); err != nil {
		return err
	}
	now := time.Now()
	for _, key := range keysOf(s, t) {
		if kind := compareRows(s, t, key); kind != 0 {
			c.pending[key] = newCandidate(s, t, key, now)
		}
		if len(c.pending) >= maxPending {
			if err := c.settle(ctx); err != nil || c.result.Truncated {
				return err
			}
		}
	}
	return nil
}

func newCandidate(s, t map[string]Row, key string, now time.Time) *candidate {
	c := &candidate{place: t[key].Place, since: now}
	if row, ok := s[key]; ok {
		c.place, c.source = row.Place, &row
	}
	return c
}

// byKey sums the rows of each key, so that a key with two rows in the target differs from one row
// in the source.
func byKey(rows []Row) map[string]Row {
	m := make(map[string]Row, len(rows))
	for _, r := range rows {
		if other, twice := m[r.Key]; twice {
			r.A, r.B = r.A+other.A, r.B+other.B
		}
		m[r.Key] = r
	}
	return m
}

func keysOf(s, t map[string]Row) []string {
	all := maps.Clone(s)
	maps.Copy(all, t)
	return slices.Sorted(maps.Keys(all))
}

// compareRows returns how a key's rows differ; 0 if they do not.
func compareRows(s, t map[string]Row, key string) Kind {
	a, inSource := s[key]
	b, inTarget := t[key]
	switch {
	case inSource && !inTarget:
		return Missing
	case inTarget && !inSource:
		return Extra
	case a.A != b.A || a.B != b.B:
		return Different
	}
	return 0
}

// settle checks the candidates repeatedly until each is equal, a difference or unsettled.
func (c *comparison) settle(ctx context.Context) error {
	for {
		if err := c.report(); err != nil || len(c.pending) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.options.Interval):
		}
		keys := slices.Sorted(maps.Keys(c.pending))
		for some := range slices.Chunk(keys, placesAtOnce) {
			if err := c.again(ctx, some); err != nil {
				return err
			}
			if c.result.Truncated {
				clear(c.pending)
				return c.report()
			}
		}
	}
}

// again checks some candidates once more.
func (c *comparison) again(ctx context.Context, keys []string) error {
	places := make([]int64, len(keys))
	for i, key := range keys {
		places[i] = c.pending[key].place
	}
	var s, t map[string]Row
	if err := c.both(ctx,
		func(ctx context.Context) error {
			rows, err := c.source.RowsAt(ctx, places)
			s = byKey(rows)
			return err
		},
		func(ctx context.Context) error {
			rows, err := c.target.RowsAt(ctx, places)
			t = byKey(rows)
			return err
		}); err != nil {
		return err
	}
	now := time.Now()
	for _, key := range keys {
		was, kind := c.pending[key], compareRows(s, t, key)
		row, exists := s[key]
		changed := exists != (was.source != nil) || exists && (row.A != was.source.A || row.B != was.source.B)
		switch {
		case kind == 0:
			delete(c.pending, key)
		case changed && was.changes+1 >= maxChanges:
			delete(c.pending, key)
			c.result.Unsettled++
		case changed:
			next := newCandidate(s, t, key, now)
			next.place, next.changes = was.place, was.changes+1
			c.pending[key] = next
		case now.Sub(was.since) >= c.options.Patience:
			delete(c.pending, key)
			if err := c.found(Difference{key, was.place, kind}); err != nil || c.result.Truncated {
				return err
			}
		}
	}
	return nil
}

func (c *comparison) found(d Difference) error {
	c.result.Differences++
	c.result.Truncated = c.result.Differences >= c.options.MaxDifferences
	if c.options.Found == nil {
		return nil
	}
	return c.options.Found(d)
}
