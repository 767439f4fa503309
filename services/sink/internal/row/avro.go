package row

import (
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

// avroBlock is how many rows a block of an Avro file holds.
const avroBlock = 2000

// WriteAvro writes rows, as an Encoder wrote them, as an Avro object container file (Apache Avro
// specification 1.12). Each column is a union of null and its type; dates, time spans, GUIDs,
// decimals and dynamic values are texts, which Kusto reads as what the column is.
func WriteAvro(out io.Writer, rows io.Reader, columns []Column) error {
	text, err := avroSchema(columns)
	if err != nil {
		return err
	}
	schema, err := avro.Parse(text)
	if err != nil {
		return fmt.Errorf(
			"the columns cannot be those of an Avro file: %w. Names must be letters, digits and _ only: use a mapping, or format json", err)
	}
	file, err := ocf.NewWriter(out, schema, ocf.WithCodec(ocf.DeflateCodec(flate.DefaultCompression)),
		ocf.WithBlockCount(avroBlock))
	if err != nil {
		return fmt.Errorf("begin an Avro file: %w", err)
	}
	var record []byte
	err = eachRow(rows, columns, func(values [][]byte) error {
		record = record[:0]
		for i, v := range values {
			record = appendAvro(record, columns[i].Type, v)
		}
		_, err := file.Write(record)
		return err
	})
	if err != nil {
		return fmt.Errorf("write an Avro file: %w", err)
	}
	return file.Close()
}

func avroSchema(columns []Column) (string, error) {
	type field struct {
		Name string   `json:"name"`
		Type []string `json:"type"`
	}
	fields := make([]field, len(columns))
	for i, c := range columns {
		fields[i] = field{c.Name, []string{"null", avroType(c.Type)}}
	}
	text, err := json.Marshal(map[string]any{"type": "record", "name": "row", "fields": fields})
	return string(text), err
}

func avroType(t kusto.ColumnType) string {
	switch t {
	case kusto.Bool:
		return "boolean"
	case kusto.Int:
		return "int"
	case kusto.Long:
		return "long"
	case kusto.Real:
		return "double"
	}
	return "string"
}

// The positions of null and of the type in a column's union, as Avro writes them.
const (
	avroNull  = 0
	avroValue = 2
)

func appendAvro(dst []byte, t kusto.ColumnType, v []byte) []byte {
	if isNull(v) {
		return append(dst, avroNull)
	}
	text := plainText(v)
	switch t {
	case kusto.Bool:
		if b, ok := readBool(text); ok && b {
			return append(dst, avroValue, 1)
		} else if ok {
			return append(dst, avroValue, 0)
		}
	case kusto.Int:
		if n, ok := readInteger(text, 32); ok {
			return binary.AppendVarint(append(dst, avroValue), n)
		}
	case kusto.Long:
		if n, ok := readInteger(text, 64); ok {
			return binary.AppendVarint(append(dst, avroValue), n)
		}
	case kusto.Real:
		if f, ok := readReal(text); ok {
			return binary.LittleEndian.AppendUint64(append(dst, avroValue), math.Float64bits(f))
		}
	default:
		return append(binary.AppendVarint(append(dst, avroValue), int64(len(text))), text...)
	}
	return append(dst, avroNull)
}
