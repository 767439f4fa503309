package digest

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// memory is a table of whole numbers with a value each.
type memory struct {
	mu     sync.Mutex
	values map[int64]string
	// asked counts the rows that were listed.
	asked int
}

func (m *memory) set(key int64, value string) { m.mu.Lock(); m.values[key] = value; m.mu.Unlock() }

func row(key int64, value string) Row {
	sum := md5.Sum(fmt.Appendf(nil, "%d\x1f%s", key, value))
	return Row{Place: key, Key: fmt.Sprint(key), A: int64(binary.BigEndian.Uint32(sum[:])),
		B: int64(binary.BigEndian.Uint32(sum[4:]))}
}

func (m *memory) Extent(context.Context) (e Extent, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if keys := slices.Sorted(maps.Keys(m.values)); len(keys) > 0 {
		e = Extent{Rows: int64(len(keys)), Low: keys[0], High: keys[len(keys)-1]}
	}
	return e, nil
}

func (m *memory) Digests(_ context.Context, span Span) (all []Digest, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sums := map[int64]Digest{}
	for key, value := range m.values {
		if key < span.Low || key > span.High {
			continue
		}
		d := sums[(key-span.Low)/span.Width()]
		r := row(key, value)
		d.Bucket, d.Rows, d.A, d.B = (key-span.Low)/span.Width(), d.Rows+1, d.A+r.A, d.B+r.B
		sums[d.Bucket] = d
	}
	return slices.Collect(maps.Values(sums)), nil
}

func (m *memory) Rows(_ context.Context, span Span) (all []Row, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, value := range m.values {
		if key >= span.Low && key <= span.High {
			all = append(all, row(key, value))
		}
	}
	m.asked += len(all)
	return all, nil
}

func (m *memory) RowsAt(_ context.Context, places []int64) (all []Row, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range places {
		if value, ok := m.values[key]; ok {
			all = append(all, row(key, value))
		}
	}
	return all, nil
}

var quick = Options{Patience: 10 * time.Second, Interval: time.Second, MaxDifferences: math.MaxInt}

func TestExactlyTheDifferingKeysAreFound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		keys := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-50, 50))
		s := rapid.MapOf(keys, rapid.SampledFrom([]string{"a", "b"})).Draw(rt, "source")
		tg := maps.Clone(s)
		for _, key := range rapid.SliceOfN(keys, 0, 10).Draw(rt, "changed") {
			tg[key] = "other"
		}
		for key := range s {
			if rapid.IntRange(0, 9).Draw(rt, "drop") == 0 {
				delete(tg, key)
			}
		}
		want := map[Difference]bool{}
		for key, value := range s {
			if other, ok := tg[key]; !ok {
				want[Difference{Key: fmt.Sprint(key), Place: int64(key), Kind: Missing}] = true
			} else if other != value {
				want[Difference{Key: fmt.Sprint(key), Place: int64(key), Kind: Different}] = true
			}
		}
		for key := range tg {
			if _, ok := s[key]; !ok {
				want[Difference{Key: fmt.Sprint(key), Place: int64(key), Kind: Extra}] = true
			}
		}
		got := map[Difference]bool{}
		o := quick
		o.Patience, o.Interval = 0, time.Microsecond
		o.Found = func(d Difference) error { got[d] = true; return nil }
		r, err := Compare(t.Context(), &memory{values: s}, &memory{values: tg}, o)
		if err != nil || r.Differences != len(want) || !maps.Equal(got, want) || r.Truncated {
			rt.Fatalf("%+v %v: got %v, want %v", r, err, got, want)
		}
	})
}

func TestOnlyTheDifferingLeavesOfALargeTableAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tg := &memory{values: map[int64]string{}}, &memory{values: map[int64]string{}}
		for key := range int64(200_000) {
			s.set(key, "x")
			tg.set(key, "x")
		}
		tg.set(77_777, "y")
		var found []Difference
		o := quick
		o.Found = func(d Difference) error { found = append(found, d); return nil }
		r, err := Compare(t.Context(), s, tg, o)
		if err != nil || !slices.Equal(found, []Difference{{Key: "77777", Place: 77777, Kind: Different}}) || r.Equal() {
			t.Errorf("%+v %v: %v", r, err, found)
		}
		if s.asked > leafRows || tg.asked > leafRows {
			t.Errorf("%d and %d rows were listed", s.asked, tg.asked)
		}
	})
}

func TestAChangeThatArrivesWithinThePatienceIsNoDifference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tg := &memory{values: map[int64]string{1: "a", 2: "a"}}, &memory{values: map[int64]string{1: "a"}}
		arrive := time.AfterFunc(8*time.Second, func() { tg.set(2, "a") })
		defer arrive.Stop()
		var most int
		o := quick
		o.Progress = func(p Progress) error { most = max(most, p.Pending); return nil }
		r, err := Compare(t.Context(), s, tg, o)
		if err != nil || !r.Equal() || most != 1 {
			t.Errorf("%+v %v, at most %d pending", r, err, most)
		}
	})
}

func TestExtentsThatDifferAtTheStartAreThoseOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tg := &memory{values: map[int64]string{1: "a", 2: "a"}}, &memory{values: map[int64]string{}}
		arrive := time.AfterFunc(5*time.Second, func() { tg.set(1, "a"); tg.set(2, "a") })
		defer arrive.Stop()
		r, err := Compare(t.Context(), s, tg, quick)
		if err != nil || !r.Equal() || r.Target != r.Source || r.Target.Rows != 2 {
			t.Errorf("%+v %v", r, err)
		}
	})
}

func TestARowThatTheSourceChangesAgainIsGivenThePatienceAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tg := &memory{values: map[int64]string{1: "a"}}, &memory{values: map[int64]string{1: "old"}}
		for n, value := range []string{"b", "c"} {
			defer time.AfterFunc(time.Duration(n+1)*9*time.Second, func() { s.set(1, value) }).Stop()
		}
		defer time.AfterFunc(25*time.Second, func() { tg.set(1, "c") }).Stop()
		r, err := Compare(t.Context(), s, tg, quick)
		if err != nil || !r.Equal() || r.Unsettled != 0 {
			t.Errorf("%+v %v", r, err)
		}
	})
}

func TestARowThatNeverRestsIsUnsettledAndNotDifferent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tg := &memory{values: map[int64]string{1: "a"}}, &memory{values: map[int64]string{1: "old"}}
		ctx, cancel := context.WithCancel(t.Context())
		var writer sync.WaitGroup
		writer.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				s.set(1, fmt.Sprint(n))
				time.Sleep(300 * time.Millisecond)
			}
		})
		r, err := Compare(t.Context(), s, tg, quick)
		cancel()
		writer.Wait()
		if err != nil || !r.Equal() || r.Unsettled != 1 {
			t.Errorf("%+v %v", r, err)
		}
	})
}

func TestEnoughDifferencesEndTheComparison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tg := &memory{values: map[int64]string{}}, &memory{values: map[int64]string{}}
		for key := range int64(30_000) {
			s.set(key, "x")
		}
		o := quick
		o.MaxDifferences = 5
		r, err := Compare(t.Context(), s, tg, o)
		if err != nil || r.Differences != 5 || !r.Truncated {
			t.Errorf("%+v %v", r, err)
		}
		if s.asked > 10*maxPending {
			t.Errorf("%d rows were listed", s.asked)
		}
	})
}

func TestBucketsCoverASpanOnceAndWithoutOverflow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.Int64().Draw(t, "low")
		high := rapid.Int64Min(low).Draw(t, "high")
		for _, span := range (Span{low, high}).halves() {
			next := span.Low
			for n := int64(0); ; n++ {
				b := span.bucket(n)
				if b.Low != next || b.High < b.Low || b.High > span.High || n >= Buckets {
					t.Fatalf("bucket %d of %v is %v, want it to begin at %d", n, span, b, next)
				}
				if b.High == span.High {
					break
				}
				next = b.High + 1
			}
		}
	})
}
