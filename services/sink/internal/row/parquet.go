package row

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

// parquetGroup is how many rows a row group of a Parquet file holds at most.
const parquetGroup = 100_000

// WriteParquet writes rows, as an Encoder wrote them, as a Parquet file. Every column is optional;
// dates, time spans, GUIDs, decimals and dynamic values are texts, which Kusto reads as what the
// column is (learn.microsoft.com, kusto/management/parquet-mapping).
func WriteParquet(out io.Writer, rows io.Reader, columns []Column) error {
	// A Parquet schema orders its columns by name.
	columns = slices.SortedFunc(slices.Values(columns), func(a, b Column) int { return strings.Compare(a.Name, b.Name) })
	group := parquet.Group{}
	for _, c := range columns {
		group[c.Name] = parquet.Optional(parquetNode(c.Type))
	}
	file := parquet.NewWriter(out, parquet.NewSchema("row", group), parquet.Compression(&parquet.Snappy),
		parquet.MaxRowsPerRowGroup(parquetGroup))
	row := make(parquet.Row, len(columns))
	err := eachRow(rows, columns, func(values [][]byte) error {
		for i, v := range values {
			value, ok := parquetValue(columns[i].Type, v)
			if ok {
				row[i] = value.Level(0, 1, i)
			} else {
				row[i] = parquet.NullValue().Level(0, 0, i)
			}
		}
		_, err := file.WriteRows([]parquet.Row{row})
		return err
	})
	if err != nil {
		return fmt.Errorf("write a Parquet file: %w", err)
	}
	return file.Close()
}

func parquetNode(t kusto.ColumnType) parquet.Node {
	switch t {
	case kusto.Bool:
		return parquet.Leaf(parquet.BooleanType)
	case kusto.Int:
		return parquet.Int(32)
	case kusto.Long:
		return parquet.Int(64)
	case kusto.Real:
		return parquet.Leaf(parquet.DoubleType)
	case kusto.Dynamic:
		return parquet.JSON()
	}
	return parquet.String()
}

// parquetValue reads a value; it says false where it is null.
func parquetValue(t kusto.ColumnType, v []byte) (parquet.Value, bool) {
	if isNull(v) {
		return parquet.Value{}, false
	}
	text := plainText(v)
	switch t {
	case kusto.Bool:
		b, ok := readBool(text)
		return parquet.BooleanValue(b), ok
	case kusto.Int:
		n, ok := readInteger(text, 32)
		return parquet.Int32Value(int32(n)), ok
	case kusto.Long:
		n, ok := readInteger(text, 64)
		return parquet.Int64Value(n), ok
	case kusto.Real:
		f, ok := readReal(text)
		return parquet.DoubleValue(f), ok
	case kusto.Dynamic:
		return parquet.ByteArrayValue(v), true // JSON as it is, quotes included
	}
	return parquet.ByteArrayValue(text), true
}
