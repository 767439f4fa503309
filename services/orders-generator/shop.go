package ordersgenerator

import (
	"fmt"
	"math/rand/v2"
)

// The shop of the use case: its cities, customers 1 to 1000, and amounts 100 to 199.
var cities = []string{"New Delhi", "Seattle", "New York", "Austin", "Chicago", "Cleveland"}

const (
	customers = 1000
	minAmount = 100
	amounts   = 100
)

// maxOpenOrders bounds how many orders the shop remembers for updates and deletes. Beyond it a new order takes the
// place of a random one.
const maxOpenOrders = 100_000

// Mix has the shares of updates and deletes of earlier orders among the changes; the rest are new
// orders.
type Mix struct {
	Updates, Deletes float64
}

// Validate returns an error if the shares are impossible.
func (m Mix) Validate() error {
	// The comparison is written so that NaN fails it.
	if !(m.Updates >= 0 && m.Deletes >= 0 && m.Updates+m.Deletes <= 1) {
		return fmt.Errorf("the shares of updates (%v) and deletes (%v) must be at least 0 and at most 1 together",
			m.Updates, m.Deletes)
	}
	return nil
}

// changes are the rows of one transaction.
type changes struct {
	// The columns of the new orders, as parallel slices: one array parameter each.
	customers, amounts []int32
	cities             []string
	updates            []update
	deletes            []int32
}

type update struct{ order, amount int32 }

func (c *changes) len() int { return len(c.customers) + len(c.updates) + len(c.deletes) }

// shop draws random orders. It is a pure function of its seed and of the calls made: no clock, no I/O. Not safe for
// concurrent use.
type shop struct {
	random *rand.Rand
	mix    Mix
	// open are orders that can be updated or deleted: committed, not deleted by us, at most maxOpenOrders.
	open []int32
}

func newShop(seed int64, mix Mix) *shop {
	return &shop{random: rand.New(rand.NewPCG(uint64(seed), 0)), mix: mix}
}

// draw returns the next n changes. While no order is open, updates and deletes become new orders.
func (s *shop) draw(n int) *changes {
	c := &changes{}
	for range n {
		switch kind := s.random.Float64(); {
		case kind < s.mix.Updates && len(s.open) > 0:
			order := s.open[s.random.IntN(len(s.open))]
			c.updates = append(c.updates, update{order, s.amount()})
		case kind < s.mix.Updates+s.mix.Deletes && len(s.open) > 0:
			i := s.random.IntN(len(s.open))
			c.deletes = append(c.deletes, s.open[i])
			s.open[i] = s.open[len(s.open)-1]
			s.open = s.open[:len(s.open)-1]
		default:
			s.order(c)
		}
	}
	return c
}

// drawOrders returns the next n changes, all of them new orders.
func (s *shop) drawOrders(n int) *changes {
	c := &changes{}
	for range n {
		s.order(c)
	}
	return c
}

func (s *shop) order(c *changes) {
	c.customers = append(c.customers, int32(1+s.random.IntN(customers)))
	c.amounts = append(c.amounts, s.amount())
	c.cities = append(c.cities, cities[s.random.IntN(len(cities))])
}

func (s *shop) amount() int32 { return int32(minAmount + s.random.IntN(amounts)) }

// committed opens the orders of a committed transaction for updates and deletes.
func (s *shop) committed(orders []int32) {
	for _, order := range orders {
		if len(s.open) < maxOpenOrders {
			s.open = append(s.open, order)
		} else {
			s.open[s.random.IntN(len(s.open))] = order
		}
	}
}
