package row

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

// Column is a column of a file of rows.
type Column struct {
	// Name is the field's, which the column takes its value from.
	Name string
	// Type is that of the table's column; it decides how values are written.
	Type kusto.ColumnType
}

// Columns are the columns that a file of rows for the target needs: one for each field that the
// mapping reads, or for each of the table's columns where there is no mapping.
func (t Target) Columns() ([]Column, error) {
	var columns []Column
	if t.Mapping == nil {
		if t.Schema == nil {
			return nil, nil
		}
		for _, c := range t.Schema.Columns {
			columns = append(columns, Column{c.Name, c.Type})
		}
		return columns, nil
	}
	at := map[string]int{}
	for _, m := range t.Mapping.Columns {
		if m.Path == "" { // a constant, or a value that the service makes up
			continue
		}
		field, ok := m.Field()
		if !ok {
			return nil,
				fmt.Errorf(
					"the path %s of column %s in mapping %s leads into a field, which is text in a file of rows: map the whole field, or use format json", m.Path, m.Column, t.Mapping.Name)
		}
		c := Column{field, kusto.String}
		if known, ok := t.Schema.Find(m.Column); ok {
			c.Type = known.Type
		}
		switch m.Transform {
		case "":
		case "DateTimeFromUnixSeconds", "DateTimeFromUnixMilliseconds", "DateTimeFromUnixMicroseconds",
			"DateTimeFromUnixNanoseconds":
			c.Type = kusto.Long
		default:
			c.Type = kusto.String
		}
		if i, twice := at[field]; twice {
			if columns[i].Type != c.Type {
				columns[i].Type = kusto.String
			}
			continue
		}
		at[field] = len(columns)
		columns = append(columns, c)
	}
	return columns, nil
}

// eachRow reads rows as an Encoder wrote them, JSON objects of a line each, and gives the values of
// the columns, in their order. The values are valid until the next row.
func eachRow(rows io.Reader, columns []Column, each func(values [][]byte) error) error {
	at := make(map[string]int, len(columns))
	for i, c := range columns {
		at[c.Name] = i
	}
	values := make([][]byte, len(columns))
	in := bufio.NewReaderSize(rows, 64<<10)
	var long []byte
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, line...)
			continue
		}
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		if len(long) > 0 {
			line = append(long, line...)
			long = line[:0]
		}
		clear(values)
		for i := 1; ; {
			key, value, next := member(line, i)
			if next < 0 {
				return errNotJSON
			}
			if key == nil {
				break
			}
			if c, ok := at[string(name(key))]; ok {
				values[c] = line[value:next]
			}
			i = next
		}
		if err := each(values); err != nil {
			return err
		}
	}
}

// plainText is a value's text: a string's content, any other value as it is written.
func plainText(v []byte) []byte {
	if v[0] == '"' {
		if bytes.IndexByte(v, '\\') < 0 {
			return v[1 : len(v)-1]
		}
		if text, ok := unquote(v); ok {
			return text
		}
	}
	return v
}

// The readers of values say false where the text is none of the type: the value is null then, as Kusto would have it.

func readBool(text []byte) (value, ok bool) {
	switch string(bytes.ToLower(text)) {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

func readInteger(text []byte, bits int) (int64, bool) {
	n, err := strconv.ParseInt(string(text), 10, bits)
	return n, err == nil
}

func readReal(text []byte) (float64, bool) {
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil || math.IsInf(f, 0)
}
