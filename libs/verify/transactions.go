package verify

import (
	"fmt"
	"maps"
	"slices"
)

// Transactions demand that PostgreSQL's transactions come whole and one after another: in a partition none goes on when
// another has begun, and each has as many changes as were committed in it. Rows of snapshots belong to none. Make it
// with NewTransactions.
type Transactions struct {
	// current is the transaction that each partition is in.
	current map[int32]int64
	// ended are the transactions that each partition has left.
	ended map[inPartition]bool
	// seen and committed count changes.
	seen, committed map[int64]int
	failures        []Failure
}

type inPartition struct {
	partition   int32
	transaction int64
}

// NewTransactions makes a validator that expects no transaction yet.
func NewTransactions() *Transactions {
	return &Transactions{map[int32]int64{}, map[inPartition]bool{}, map[int64]int{}, map[int64]int{}, nil}
}

// Expect tells of changes that were committed, of which their transactions count.
func (v *Transactions) Expect(committed ...Change) {
	for _, c := range committed {
		v.committed[c.Transaction]++
	}
}

func (v *Transactions) Note(c Change) {
	if c.Op == Read || c.Transaction == 0 {
		return
	}
	v.seen[c.Transaction]++
	last := v.current[c.Partition]
	if last == c.Transaction {
		return
	}
	v.ended[inPartition{c.Partition, last}] = true
	if v.ended[inPartition{c.Partition, c.Transaction}] {
		v.failures = append(v.failures, Failure{"transactions", c,
			fmt.Sprintf("transaction %d goes on when %d has begun", c.Transaction, last)})
	}
	v.current[c.Partition] = c.Transaction
}

// Failures count transactions too: one of which nothing has come is not torn but lost, which Identity finds.
func (v *Transactions) Failures() []Failure {
	failures := slices.Clone(v.failures)
	if len(v.committed) == 0 {
		return failures
	}
	for _, transaction := range slices.Sorted(maps.Keys(v.seen)) {
		if seen, committed := v.seen[transaction], v.committed[transaction]; seen != committed {
			failures = append(failures, Failure{Promise: "transactions",
				Says: fmt.Sprintf("%d changes of transaction %d came, of %d that it committed", seen, transaction, committed)})
		}
	}
	return failures
}
