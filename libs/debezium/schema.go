package debezium

import (
	"github.com/calypso-cdc/calypso/libs/record"
)

// tableSchemas are the Connect schemas of a table's records. key is nil for a table without key.
type tableSchemas struct {
	key, row, before, envelope *record.Schema
}

const (
	stringType = record.String
	int64Type  = record.Int64
)

func field(name string, s *record.Schema) record.Field { return record.Field{Name: name, Schema: s} }

// sourceSchema is the schema of the source block, the same for all tables.
func sourceSchema() *record.Schema {
	required, optional := record.Of(stringType), record.OptionalOf(stringType)
	number := record.OptionalOf(int64Type)
	snapshot := &record.Schema{Type: stringType, Optional: true, Name: "io.debezium.data.Enum", Version: 1,
		Default: "false",
		Params: []record.Param{{Name: "allowed",
			Value: "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"}}}
	return &record.Schema{Type: record.Struct, Name: "io.debezium.connector.postgresql.Source", Version: 1,
		Fields: []record.Field{
			field("version", required), field("connector", required), field("name", required),
			field("ts_ms", record.Of(int64Type)),
			field("snapshot", snapshot), field("db", required), field("sequence", optional), field("ts_us", number),
			field("ts_ns", number), field("schema", required), field("table", required), field("txId", number),
			field("lsn", number), field("xmin", number), field("origin", optional), field("origin_lsn", number),
		}}
}

// transactionSchema is the schema of the envelope's transaction block.
func transactionSchema() *record.Schema {
	return &record.Schema{Type: record.Struct, Optional: true, Name: "event.block", Version: 1, Fields: []record.Field{
		field("id", record.Of(stringType)), field("total_order", record.Of(int64Type)),
		field("data_collection_order", record.Of(int64Type)),
	}}
}

// decoded is the converter for records that are read back from JSON: it keeps null apart from a
// field's default.
var decoded = &record.JSON{KeepNull: true}

func structOf(s *record.Schema, values ...any) *record.StructValue {
	return &record.StructValue{Schema: s, Values: values}
}

func structSchema(name string, version int, fields ...record.Field) *record.Schema {
	return &record.Schema{Type: record.Struct, Name: name, Version: version, Fields: fields}
}
