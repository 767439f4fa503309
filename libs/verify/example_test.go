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
	fmt.Println(verify.Changes(committed, arrived, verify.ExactlyOnce, true).Err())
	// Output: of 2 changes: 1 lost, first: shop.orders u {"id":"1"} {"city":"Bergen","id":"1"} (history 2)
}
