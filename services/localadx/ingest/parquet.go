package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/duckdb/duckdb-go/v2"
)

// parquet reads a Parquet file with a DuckDB of its own, which writes each row as JSON; the format needs the whole file
// at hand, so it is put into a temporary one.
func (r *reading) parquet(source io.Reader) (err error) {
	file, err := os.CreateTemp("", "localadx-*.parquet")
	if err != nil {
		return fmt.Errorf("keep a Parquet source: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = io.Copy(file, source)
	if err = errors.Join(err, file.Close()); err != nil {
		return readError(err)
	}
	connector, err := duckdb.NewConnector("?memory_limit=512MB&threads=1", nil)
	if err != nil {
		return fmt.Errorf("open a reader for Parquet: %w", err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	rows, err := db.QueryContext(context.Background(), "SELECT CAST(to_json(p) AS VARCHAR) FROM read_parquet(?) p", file.Name())
	if err != nil {
		return &Error{Code: CodeInvalidBlob, Message: "The source is not a Parquet file: " + err.Error()}
	}
	defer rows.Close()
	records := &recordReader{root: r.plan.root, row: r.row}
	for rows.Next() {
		var record []byte
		if err := rows.Scan(&record); err != nil {
			return fmt.Errorf("read a row of Parquet: %w", err)
		}
		r.begin()
		if end := records.read(record, 0); end < 0 {
			return r.invalidRecord("it cannot be written as JSON")
		}
		if err := r.done(); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return &Error{Code: CodeInvalidBlob, Message: "The source is not a valid Parquet file: " + err.Error()}
	}
	return nil
}
