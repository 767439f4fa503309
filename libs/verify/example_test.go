package verify_test

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/verify"
)

func ExampleChanges() {
	row := func(id, city string) verify.Row { return verify.NewRow(map[string]any{"id": id, "city": city}) }
	change := func(op verify.Op, id, city, where string) verify.Change {
		return verify.Change{Table: "shop.orders", Key: verify.NewRow(map[string]any{"id": id}), Op: op, Row: row(id, city),
			Where: where}
	}
	committed := []verify.Change{change(verify.Create, "1", "Oslo", "history 1"), change(verify.Update, "1", "Bergen",
		"history 2")}
	arrived := []verify.Change{change(verify.Create, "1", "Oslo", "orders/0@0")}
	fmt.Println(verify.Changes(committed, arrived, verify.Promise{Start: verify.AtFirstChange}).Err())
	// Output: of 2 changes: 1 lost, first: shop.orders u {"id":"1"} {"city":"Bergen","id":"1"} (history 2)
}

func ExampleValidators() {
	change := func(op verify.Op, version string, lsn uint64) verify.Change {
		c := verify.Change{Table: "shop.orders", Key: verify.NewRow(map[string]any{"id": "1"}), Op: op, LSN: lsn}
		if version != "" {
			c.Row = verify.NewRow(map[string]any{"id": "1", "version": version})
		}
		return c
	}
	stream := verify.Validators{verify.NewOrder(), verify.NewChain(verify.AtFirstChange, verify.KeyImages)}
	stream.Note(change(verify.Create, "1", 10))
	stream.Note(change(verify.Delete, "", 30))
	stream.Note(change(verify.Update, "2", 20))
	for _, failure := range stream.Failures() {
		fmt.Println(failure.Promise+":", failure.Says)
	}
	// Output:
	// order: LSN 14 comes after 1E ()
	// chain: the row was not there
}
