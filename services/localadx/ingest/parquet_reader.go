package ingest

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"

	"github.com/duckdb/duckdb-go/v2"
)

// parquetReader is the name under which this program is started to read a Parquet file, whatever
// program it is. parquetInvalid is its exit status when it can say what is wrong with the file.
const (
	parquetReader  = "localadx: reader of Parquet"
	parquetInvalid = 3
)

func init() {
	if len(os.Args) != 2 || os.Args[0] != parquetReader {
		return
	}
	boundMemory()
	if err := readParquet(os.Args[1], os.Stdout); err != nil {
		fmt.Fprint(os.Stderr, err)
		os.Exit(parquetInvalid)
	}
	os.Exit(0)
}

// readParquet writes each row of a file as a line of JSON.
func readParquet(path string, to io.Writer) error {
	connector, err := duckdb.NewConnector("?memory_limit=512MB&threads=1", nil)
	if err != nil {
		return fmt.Errorf("open a reader for Parquet: %w", err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	rows, err := db.QueryContext(context.Background(), "SELECT CAST(to_json(p) AS VARCHAR) FROM read_parquet(?) p", path)
	if err != nil {
		return err
	}
	defer rows.Close()
	out := bufio.NewWriterSize(to, 64<<10)
	for rows.Next() {
		var record sql.RawBytes
		if err := rows.Scan(&record); err != nil {
			return fmt.Errorf("read a row: %w", err)
		}
		out.Write(record)
		out.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return out.Flush()
}
