package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/verify"
)

// version is a row of a table with one more column.
func version(id, v int) verify.Row {
	return verify.NewRow(map[string]any{"id": fmt.Sprint(id), "v": fmt.Sprint(v)})
}

// faithful is what was committed in five transactions, and so what a topic of one partition holds of it: rows 1 to 3
// are made, changed, deleted and made again, the table is emptied, and rows 1 and 4 are made.
func faithful() []verify.Change {
	var stream []verify.Change
	rows := map[int]verify.Row{}
	add := func(transaction int64, op verify.Op, id, v int) {
		c := verify.Change{Table: "s.t", Op: op, LSN: uint64(100 + 10*len(stream)), Transaction: transaction,
			Where: fmt.Sprint("t/0@", len(stream))}
		if op != verify.Truncate {
			c.Key, c.Before = verify.NewRow(map[string]any{"id": fmt.Sprint(id)}), rows[id]
		}
		switch op {
		case verify.Truncate:
			clear(rows)
		case verify.Delete:
			delete(rows, id)
		default:
			c.Row = version(id, v)
			rows[id] = c.Row
		}
		stream = append(stream, c)
	}
	add(1, verify.Create, 1, 1)
	add(1, verify.Create, 2, 1)
	add(1, verify.Create, 3, 1)
	add(2, verify.Update, 1, 2)
	add(2, verify.Update, 1, 3)
	add(3, verify.Delete, 2, 0)
	add(3, verify.Create, 2, 4)
	add(3, verify.Update, 3, 5)
	add(4, verify.Truncate, 0, 0)
	add(5, verify.Create, 1, 6)
	add(5, verify.Create, 4, 7)
	return stream
}

// watched is a stream that all validators have seen, of a source that committed what is faithful. Its marks are before
// each transaction and at the end.
func watched(stream []verify.Change) verify.Validators {
	committed := faithful()
	identity := verify.NewIdentity(verify.Promise{Start: verify.AtFirstChange})
	identity.Expect(committed...)
	transactions := verify.NewTransactions()
	transactions.Expect(committed...)
	fingerprint := verify.NewFingerprint("id", "v")
	// What md5 makes of rows is PostgreSQL's to say where there is one.
	for _, m := range []verify.Mark{{LSN: 95}, {LSN: 130, Rows: 3}, {LSN: 145, Rows: 3}, {LSN: 175, Rows: 3},
		{LSN: 185}, {LSN: 205, Rows: 2}} {
		m.Table, m.Sum = "s.t", sumAt(committed, m.LSN)
		fingerprint.Expect(m)
	}
	all := verify.Validators{identity, verify.NewOrder(), verify.NewChain(verify.AtFirstChange, verify.FullImages),
		transactions, fingerprint}
	for _, c := range stream {
		all.Note(c)
	}
	return all
}

// sumAt is the sum of the fingerprint at a place of the log, found by what a validator says that it misses.
func sumAt(committed []verify.Change, lsn uint64) int64 {
	v := verify.NewFingerprint("id", "v")
	for _, c := range committed {
		if c.LSN < lsn {
			v.Note(c)
		}
	}
	v.Expect(verify.Mark{Table: "s.t", LSN: lsn, Rows: -1})
	var rows, sum int64
	says := v.Failures()[0].Says
	if _, err := fmt.Sscanf(says[strings.Index(says, "makes"):], "makes %d of %d", &rows, &sum); err != nil {
		panic(err)
	}
	return sum
}

func TestTheValidatorsFindNothingInAFaithfulStream(t *testing.T) {
	for _, f := range watched(faithful()).Failures() {
		t.Error(f)
	}
	read := faithful()[7] // what row 3 has become, read by a snapshot that was signalled
	read.Op, read.LSN = verify.Read, 0
	for _, f := range watched(slices.Insert(faithful(), 8, read)).Failures() {
		t.Error("with a row that a snapshot read: ", f)
	}
}

// Each stream has one fault. Which validators' promises it breaks, and how often, is said: no other may find anything.
func TestEachValidatorFindsTheOneFaultThatBreaksItsPromise(t *testing.T) {
	base := faithful()
	change := func(i int, f func(*verify.Change)) []verify.Change {
		stream := slices.Clone(base)
		f(&stream[i])
		return stream
	}
	move := func(from, to int) []verify.Change {
		stream := slices.Delete(slices.Clone(base), from, from+1)
		return slices.Insert(stream, to, base[from])
	}
	insert := func(i int, c verify.Change) []verify.Change { return slices.Insert(slices.Clone(base), i, c) }
	read := func(v verify.Row) verify.Change {
		return verify.Change{Table: "s.t", Key: base[0].Key, Op: verify.Read, Row: v}
	}
	for name, c := range map[string]struct {
		stream []verify.Change
		found  string
	}{
		"the row before a change is not what it was": {
			change(4, func(c *verify.Change) { c.Before = version(1, 99) }), "chain"},
		"a change is in another partition": {
			// A transaction may be in several partitions, and the fingerprint is of one.
			change(10, func(c *verify.Change) { c.Key, c.Partition = base[9].Key, 1 }),
			"chain fingerprint identity identity identity order"},
		"a row's two changes are at one place of the log": {
			change(4, func(c *verify.Change) { c.LSN = base[3].LSN }), "order"},
		"a transaction goes on after another":              {move(2, 5), "fingerprint transactions transactions"},
		"two transactions' changes of a row change places": {move(5, 6), "chain chain fingerprint identity identity order"},
		"the last change of all is missing":                {base[:10], "fingerprint identity transactions"},
		"a change in the midst is missing":                 {slices.Delete(slices.Clone(base), 7, 8), "fingerprint identity transactions"},
		"a change comes twice":                             {insert(4, base[3]), "chain identity order transactions"},
		"a change was never committed": {
			insert(3, verify.Change{Table: "s.t", Key: base[1].Key, Op: verify.Update, Before: version(2, 1),
				Row: version(2, 8), LSN: 121, Transaction: 1}), "chain fingerprint identity transactions"},
		"a change of a transaction that was rolled back": {
			insert(9, verify.Change{Table: "s.t", Key: base[1].Key, Op: verify.Create, Row: version(2, 8), LSN: 181,
				Transaction: 9}), "fingerprint identity transactions"},
		"a snapshot reads what a row was":          {insert(5, read(version(1, 2))), "chain fingerprint identity"},
		"a snapshot reads a row that is not there": {insert(9, read(version(1, 1))), "chain fingerprint identity"},
		"a truncate is missing": {
			slices.Delete(slices.Clone(base), 8, 9), "chain fingerprint identity"},
	} {
		t.Run(name, func(t *testing.T) {
			var found []string
			var said []string
			for _, f := range watched(c.stream).Failures() {
				found = append(found, f.Promise)
				said = append(said, f.Error())
			}
			slices.Sort(found)
			if got := strings.Join(found, " "); got != c.found {
				t.Errorf("found %q, want %q:\n%s", got, c.found, strings.Join(said, "\n"))
			}
		})
	}
}

func TestErrSaysTheFirstFailuresAndHowManyMoreThereAre(t *testing.T) {
	if err := verify.Err(watched(faithful())); err != nil {
		t.Error(err)
	}
	err := verify.Err(watched(nil))
	if n := len(faithful()); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("and %d more", n+1-5)) {
		t.Errorf("of a stream of nothing: %v", err)
	}
}
