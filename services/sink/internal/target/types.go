package target

import (
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

// columnsOf gives each field of a row the type that loses nothing.
func columnsOf(s *row.Schema) []kusto.Column {
	columns := make([]kusto.Column, len(s.Fields))
	for i, f := range s.Fields {
		columns[i] = kusto.Column{Name: f.Name, Type: columnType(f)}
	}
	return columns
}

// columnType is the lossless type of a field. Numbers that may exceed a decimal's 34 digits, and
// texts with a meaning for which ADX has no type, become strings.
func columnType(f row.Field) kusto.ColumnType {
	switch f.Semantic {
	case "org.apache.kafka.connect.data.Decimal":
		if f.Precision > 0 && f.Precision <= 34 {
			return kusto.Decimal
		}
		return kusto.String
	case "io.debezium.data.VariableScaleDecimal":
		return kusto.String
	case "io.debezium.time.Date", "org.apache.kafka.connect.data.Date", "io.debezium.time.Timestamp",
		"org.apache.kafka.connect.data.Timestamp",
		"io.debezium.time.MicroTimestamp", "io.debezium.time.NanoTimestamp", "io.debezium.time.ZonedTimestamp":
		return kusto.DateTime
	case "io.debezium.time.Time", "org.apache.kafka.connect.data.Time", "io.debezium.time.MicroTime",
		"io.debezium.time.MicroDuration":
		return kusto.Timespan
	case "io.debezium.data.Uuid":
		return kusto.GUID
	case "io.debezium.data.Json":
		return kusto.Dynamic
	}
	switch f.Type {
	case "boolean":
		return kusto.Bool
	case "int8", "int16", "int32":
		return kusto.Int
	case "int64":
		return kusto.Long
	case "float", "double", "float32", "float64":
		return kusto.Real
	case "array", "map", "struct":
		return kusto.Dynamic
	}
	return kusto.String
}

// addedColumns are the columns of the members that the sink adds to rows.
func addedColumns(s *spec.Spec) []kusto.Column {
	columns := make([]kusto.Column, len(s.Rows.Extra))
	for i, x := range s.Rows.Extra {
		kind := kusto.String
		switch x.From {
		case row.DeletedBool:
			kind = kusto.Bool
		case row.ChangeTime, row.Timestamp:
			kind = kusto.DateTime
		case row.Offset:
			kind = kusto.Long
		case row.Partition:
			kind = kusto.Int
		case row.Key, row.Headers:
			kind = kusto.Dynamic
		case row.OfEnvelope, row.OfSource:
			switch x.Field {
			case "lsn", "txId", "xmin", "ts_ms", "ts_us", "ts_ns":
				kind = kusto.Long
			}
		}
		columns[i] = kusto.Column{Name: x.Name, Type: kind}
	}
	return columns
}
