package debezium_test

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// A row that is made, and one that is deleted, whose event is followed by a tombstone.
func ExampleEncoder() {
	cfg, err := debezium.ConfigFrom(map[string]string{"topic.prefix": "myserver", "database.dbname": "shop",
		"key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false",
		"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
		"transforms.unwrap.delete.tombstone.handling.mode": "rewrite-with-tombstone"})
	if err != nil {
		fmt.Println(err)
		return
	}
	integer := &pgmodel.Type{OID: 23, Name: "int4", Schema: "pg_catalog", Kind: pgmodel.BaseType}
	orders := &pgmodel.Relation{Schema: "retail", Name: "orders", ReplicaIdentity: 'd', Key: []int{0},
		Columns: []pgmodel.Column{{Name: "id", Type: integer, TypeMod: -1, NotNull: true, InIdentity: true},
			{Name: "amount", Type: integer, TypeMod: -1}}}
	encoder, err := debezium.NewEncoder(orders, &cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	text := func(value string) pgmodel.Datum { return pgmodel.Datum{Kind: pgmodel.Text, Data: []byte(value)} }
	var batch debezium.Batch
	for _, event := range []*debezium.Event{
		{Op: debezium.Create, After: pgmodel.Tuple{text("4"), text("116")}},
		{Op: debezium.Delete, Before: pgmodel.Tuple{text("4"), {Kind: pgmodel.Null}}},
	} {
		if _, err := encoder.Append(&batch, event); err != nil {
			fmt.Println(err)
			return
		}
	}
	for _, r := range batch.Records {
		fmt.Printf("%s %s %s\n", r.Topic, r.Key, r.Value)
	}
	// Output:
	// myserver.retail.orders {"id":4} {"id":4,"amount":116,"__deleted":"false"}
	// myserver.retail.orders {"id":4} {"id":4,"amount":null,"__deleted":"true"}
	// myserver.retail.orders {"id":4}
}
