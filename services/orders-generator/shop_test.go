package ordersgenerator

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestOrdersAreThoseOfTheUseCase(t *testing.T) {
	s := newShop(7, Mix{})
	c := s.draw(20_000)
	seen := map[string]bool{}
	for i := range c.customers {
		if c.customers[i] < 1 || c.customers[i] > 1000 || c.amounts[i] < 100 || c.amounts[i] > 199 {
			t.Fatalf("customer %d, amount %d", c.customers[i], c.amounts[i])
		}
		seen[c.cities[i]] = true
	}
	for _, extreme := range []struct {
		of   []int32
		want int32
	}{{c.customers, 1}, {c.customers, 1000}, {c.amounts, 100}, {c.amounts, 199}} {
		if !slices.Contains(extreme.of, extreme.want) {
			t.Errorf("%d never came", extreme.want)
		}
	}
	if len(seen) != 6 || !seen["New Delhi"] || !seen["Cleveland"] {
		t.Errorf("cities are %v", seen)
	}
}

func TestTheSameSeedGivesTheSameOrders(t *testing.T) {
	draw := func(seed int64) *changes { return newShop(seed, Mix{}).draw(100) }
	if !reflect.DeepEqual(draw(42), draw(42)) {
		t.Error("one seed gave two series of orders")
	}
	if reflect.DeepEqual(draw(42), draw(43)) {
		t.Error("two seeds gave the same orders")
	}
}

func TestAnOrderIsDeletedOnceAndNeverUpdatedAfterwards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		updates := rapid.Float64Range(0, 0.5).Draw(t, "updates")
		s := newShop(rapid.Int64().Draw(t, "seed"), Mix{Updates: updates,
			Deletes: rapid.Float64Range(0, 1-updates).Draw(t, "deletes")})
		deleted := map[int32]bool{}
		var last int32
		for range rapid.IntRange(1, 20).Draw(t, "transactions") {
			n := rapid.IntRange(1, 50).Draw(t, "size")
			c := s.draw(n)
			if c.len() != n {
				t.Fatalf("%d changes instead of %d", c.len(), n)
			}
			for _, u := range c.updates {
				if deleted[u.order] || u.order > last {
					t.Fatalf("order %d is updated, but was deleted or never written", u.order)
				}
			}
			for _, order := range c.deletes {
				if deleted[order] || order > last {
					t.Fatalf("order %d is deleted, but was deleted before or never written", order)
				}
				deleted[order] = true
			}
			var ids []int32
			for range c.customers {
				last++
				ids = append(ids, last)
			}
			s.committed(ids)
		}
	})
}

func TestRememberedOrdersAreBounded(t *testing.T) {
	s := newShop(1, Mix{})
	for i := range int32(3 * maxOpenOrders) {
		s.committed([]int32{i})
	}
	if len(s.open) != maxOpenOrders {
		t.Errorf("%d orders are remembered", len(s.open))
	}
}

func TestAMixThatIsNoMixIsRefused(t *testing.T) {
	for _, m := range []Mix{{-0.1, 0}, {0, -1}, {0.6, 0.5}, {math.NaN(), 0}, {0, math.Inf(1)}} {
		if m.Validate() == nil {
			t.Errorf("%v is accepted", m)
		}
	}
	for _, m := range []Mix{{}, {1, 0}, {0.5, 0.5}} {
		if err := m.Validate(); err != nil {
			t.Errorf("%v is refused: %v", m, err)
		}
	}
}
