package sink

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// file makes the file of a batch: its one record, or its rows written as Avro or Parquet.
func (t *target) file(ctx context.Context, b *batch.Batch) (data []byte, err error) {
	err = t.tables.task.memory.Expand(ctx, memory.FileFactor*b.Size, func() (err error) { data, err = t.fileOf(b); return err })
	return data, err
}

func (t *target) fileOf(b *batch.Batch) ([]byte, error) {
	rows, err := gzip.NewReader(bytes.NewReader(b.Gz.Bytes()))
	if err != nil {
		return nil, err
	}
	if t.tables.task.s.WholeFiles(t.route) {
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
