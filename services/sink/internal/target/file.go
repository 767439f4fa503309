package target

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

// File makes the file of a batch: its one record, or its rows written as Avro or Parquet.
func (t *Table) File(ctx context.Context, b *batch.Batch) (data []byte, err error) {
	err = t.cluster.Memory.Expand(ctx, memory.FileFactor*b.Size, func() (err error) {
		data, err = t.fileOf(b)
		return err
	})
	return data, err
}

func (t *Table) fileOf(b *batch.Batch) ([]byte, error) {
	rows, err := gzip.NewReader(bytes.NewReader(b.Gz.Bytes()))
	if err != nil {
		return nil, err
	}
	if t.cluster.Spec.WholeFiles(t.Route) {
		return io.ReadAll(rows)
	}
	columns, err := t.Rows().Columns()
	if err != nil {
		return nil, err
	}
	write := row.WriteAvro
	if kusto.MappingKind(t.Route.Format) == "parquet" {
		write = row.WriteParquet
	}
	var out bytes.Buffer
	err = write(&out, rows, columns)
	return out.Bytes(), err
}

func Unzip(gz []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(gz))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
