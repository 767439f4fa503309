package kql

import (
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindSchemaMerge binds schema_merge([PreserveOrder]): one schema of the rows of several getschema
// results. A column that would change the order of others is an error row, unless order need not be
// preserved.
func bindSchemaMerge(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	bindArity(b, *op.Call, 0, 1)
	preserve := true
	if len(op.Call.Args) == 1 {
		preserve, _ = bindConstantValue(b, bindScalar(b, op.Call.Args[0].X, env{scope: s}), "PreserveOrder").(bool)
	}
	want := []Column{{"ColumnName", value.String}, {"ColumnOrdinal", value.Int}, {"DataType", value.String},
		{"ColumnType", value.String}}
	cols := make([]column, len(want))
	for i, w := range want {
		c, ok := rel.column(w.Name)
		if !ok {
			b.fail(op, syntax.CodeArguments, "schema_merge: the input must be the output of getschema")
		}
		cols[i] = c
	}
	var merged [][]any
	position := map[string]int{}
	for _, row := range b.probe(op, rel.keep(cols), "The result of schema_merge") {
		name, _ := row[0].(string)
		ordinal := schemaOrdinal(row[1])
		at, known := position[name]
		switch {
		case !known && ordinal >= int64(len(merged)):
			position[name] = len(merged)
			merged = append(merged, []any{name, int64(len(merged)), row[2], row[3]})
		case known && (int64(at) == ordinal || !preserve):
		case !known:
			merged = insertColumn(merged, position, int(ordinal), []any{name, ordinal, row[2], row[3]}, preserve)
		default:
			merged[at] = []any{name, int64(-1), "ERROR(unknown CSL type:ERROR(columns are out of order))",
				"ERROR(columns are out of order)"}
		}
	}
	want[1].Type = value.Long
	return bindConstantTable(b, want, merged)
}

func schemaOrdinal(v any) int64 {
	switch v := v.(type) {
	case int32:
		return int64(v)
	case int64:
		return v
	}
	return -1
}

// insertColumn puts a column at an ordinal that another one has; that one and those behind it are out of order then.
func insertColumn(merged [][]any, position map[string]int, at int, row []any, preserve bool) [][]any {
	at = max(at, 0)
	out := append(append(append([][]any{}, merged[:at]...), row), merged[at:]...)
	for i, r := range out {
		position[r[0].(string)] = i
	}
	for i := at + 1; i < len(out); i++ {
		if !preserve {
			out[i][1] = int64(i)
			continue
		}
		out[i] = []any{out[i][0], int64(-1), "ERROR(unknown CSL type:ERROR(columns are out of order))",
			"ERROR(columns are out of order)"}
	}
	return out
}
