package verify

import "fmt"

// Order demands that a row's changes are in one partition, and that their places in PostgreSQL's log only ascend: none
// comes twice, and none after a later one. Rows of snapshots, and changes of which the place is not known, are looked
// at for their partition only. Make it with NewOrder.
type Order struct {
	last     map[identity]Change
	failures []Failure
}

// NewOrder makes an Order for exactly-once delivery: with at-least-once, what is repeated fails it.
func NewOrder() *Order { return &Order{last: map[identity]Change{}} }

func (o *Order) Note(c Change) {
	fail := func(says string) { o.failures = append(o.failures, Failure{"order", c, says}) }
	id := identity{c.Table, c.Key}
	last, known := o.last[id]
	if known && last.Partition != c.Partition {
		fail(fmt.Sprintf("the row's changes were in partition %d", last.Partition))
	}
	switch {
	case c.Op == Read || c.LSN == 0:
		if !known {
			o.last[id] = Change{Partition: c.Partition}
		}
	case c.LSN == last.LSN:
		fail(fmt.Sprintf("LSN %X comes again, after %s", c.LSN, last.Where))
	case c.LSN < last.LSN:
		fail(fmt.Sprintf("LSN %X comes after %X (%s)", c.LSN, last.LSN, last.Where))
	default:
		o.last[id] = c
	}
}

func (o *Order) Failures() []Failure { return o.failures }
