package rest

import (
	"bufio"
	"strconv"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// v1DataType is the type's name in a v1 column, which SDKs that do not look at ColumnType read.
func v1DataType(t kql.Type) string {
	switch t {
	case value.Bool:
		return "Boolean"
	case value.Int:
		return "Int32"
	case value.Long:
		return "Int64"
	case value.Real:
		return "Double"
	case value.Decimal:
		return "SqlDecimal"
	case value.Datetime:
		return "DateTime"
	case value.Timespan:
		return "TimeSpan"
	case value.GUID:
		return "Guid"
	case value.Dynamic:
		return "Object"
	}
	return "String"
}

// writeV1Table writes a whole table. In v1 a string that was never set is null.
func writeV1Table(w *bufio.Writer, name string, columns []kql.Column, next func() ([]any, error)) error {
	b := append([]byte(nil), `{"TableName":`...)
	b = value.AppendQuoted(b, name)
	b = append(b, `,"Columns":[`...)
	for i, c := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"ColumnName":`...)
		b = value.AppendQuoted(b, c.Name)
		b = append(b, `,"DataType":"`+v1DataType(c.Type)+`","ColumnType":"`+c.Type.String()+`"}`...)
	}
	b = append(b, `],"Rows":[`...)
	var failed error
	for n := 0; ; n++ {
		row, err := next()
		if err != nil {
			failed = err
			break
		}
		if row == nil {
			break
		}
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		for i, v := range row {
			if i > 0 {
				b = append(b, ',')
			}
			if v == nil {
				b = append(b, "null"...)
				continue
			}
			b = value.AppendJSON(b, columns[i].Type, v)
		}
		b = append(b, ']')
		w.Write(b)
		b = b[:0]
	}
	w.Write(append(b, `]}`...))
	return failed
}

// writeV1 answers a query in v1: the results, what to draw, how it went, and the table of contents.
func (h *Handler) writeV1(x *exchange, results []*result) error {
	w := h.begin(x)
	defer h.end(x, w)
	w.WriteString(`{"Tables":[`)
	tables := 0
	table := func(columns []kql.Column, next func() ([]any, error)) error {
		if tables > 0 {
			w.WriteByte(',')
		}
		tables++
		return writeV1Table(w, "Table_"+strconv.Itoa(tables-1), columns, next)
	}
	var failed error
	var drawings, index [][]any
	listed := func(kind, name string) { index = append(index, []any{int64(len(index)), kind, name, x.activityID, ""}) }
	for _, r := range results {
		if failed != nil {
			break
		}
		failed = table(r.columns, r.next)
		listed("QueryResult", "PrimaryResult")
		drawings = append(drawings, []any{string(visualization(r.plan))})
	}
	strings := func(names ...string) []kql.Column {
		columns := make([]kql.Column, len(names))
		for i, n := range names {
			columns[i] = kql.Column{Name: n, Type: value.String}
		}
		return columns
	}
	table(strings("Value"), fixedRows(drawings))
	listed("QueryProperties", "@ExtendedProperties")
	status := []kql.Column{{Name: "Timestamp", Type: value.Datetime}, {Name: "Severity", Type: value.Int},
		{Name: "SeverityName", Type: value.String},
		{Name: "StatusCode", Type: value.Int}, {Name: "StatusDescription", Type: value.String},
		{Name: "Count", Type: value.Int},
		{Name: "RequestId", Type: value.GUID}, {Name: "ActivityId", Type: value.GUID},
		{Name: "SubActivityId", Type: value.GUID}, {Name: "ClientActivityId", Type: value.String}}
	row := []any{value.TicksOf(time.Now()), int32(4), "Info", int32(0), "Query completed successfully", int32(1),
		x.activityID, x.activityID, x.activityID, x.clientID}
	if failed != nil {
		row[1], row[2], row[3], row[4] = int32(2), "Error", int32(-1), failed.Error()
	}
	table(status, fixedRows([][]any{row}))
	listed("QueryStatus", "QueryStatus")
	contents := append([]kql.Column{{Name: "Ordinal", Type: value.Long}}, strings("Kind", "Name", "Id", "PrettyName")...)
	table(contents, fixedRows(index))
	w.WriteByte(']')
	if failed != nil {
		w.WriteString(`,"Exceptions":[`)
		w.Write(value.AppendQuoted(nil, failed.Error()))
		w.WriteByte(']')
	}
	w.WriteByte('}')
	return failed
}
