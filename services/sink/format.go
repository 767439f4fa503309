package sink

import (
	"bytes"
	"context"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// wireFormat is the format that blobs are sent as. Rows of JSON go as multijson, which fails as a whole if a row cannot be read,
// where json would leave the row out without a word.
func wireFormat(format string) string {
	if kusto.MappingKind(format) == "json" {
		return "multijson"
	}
	return format
}

// isFile says that a format's blobs are files with a structure of their own, to which a row cannot just be appended.
func isFile(format string) bool {
	switch kusto.MappingKind(format) {
	case "avro", "parquet", "orc":
		return true
	}
	return false
}

// needsColumns says that rows of a format cannot be written without knowing the table's columns.
func needsColumns(format string) bool { return format == "csv" || isFile(format) }

// wholeFiles says that each record is a file, and so a batch of its own.
func (s *settings) wholeFiles(r route.Route) bool {
	return s.rows.Converter == row.Text && isFile(r.Format)
}

// file makes the file of a batch: its one record, or its rows written as Avro or Parquet.
func (t *target) file(ctx context.Context, b *batch) (data []byte, err error) {
	err = t.tables.task.expand(ctx, fileFactor*b.size, func() (err error) { data, err = t.fileOf(b); return err })
	return data, err
}

func (t *target) fileOf(b *batch) ([]byte, error) {
	rows, err := gzip.NewReader(bytes.NewReader(b.gz.Bytes()))
	if err != nil {
		return nil, err
	}
	if t.tables.task.s.wholeFiles(t.route) {
		return io.ReadAll(rows)
	}
	columns, err := t.rows().Columns()
	if err != nil {
		return nil, err
	}
	write := row.WriteAvro
	if kusto.MappingKind(t.route.Format) == "parquet" {
		write = row.WriteParquet
	}
	var out bytes.Buffer
	err = write(&out, rows, columns)
	return out.Bytes(), err
}

func unzip(gz []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(gz))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
