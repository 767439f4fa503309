package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/calypso-cdc/calypso/services/localadx/disk"
	"github.com/calypso-cdc/calypso/services/localadx/engine"
)

// fileName is the DuckDB file within the data directory.
const fileName = "localadx.duckdb"

// systemTables make the schema that holds everything but rows. Texts that have a structure are JSON.
const systemTables = `
CREATE SCHEMA IF NOT EXISTS adx;
CREATE SEQUENCE IF NOT EXISTS adx.ids START 1;
CREATE TABLE IF NOT EXISTS adx.databases (id BIGINT NOT NULL, body VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS adx.extents (
	id BIGINT NOT NULL, guid UUID NOT NULL, table_id BIGINT NOT NULL, row_count BIGINT NOT NULL,
	original_size BIGINT NOT NULL, min_created BIGINT NOT NULL, max_created BIGINT NOT NULL, tags VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS adx.messages (id UUID NOT NULL, queue VARCHAR NOT NULL, inserted BIGINT NOT NULL, body VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS adx.entities (
	name VARCHAR NOT NULL, partition_key VARCHAR NOT NULL, row_key VARCHAR NOT NULL, updated BIGINT NOT NULL, body VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS adx.failures (failed_on BIGINT NOT NULL, body VARCHAR NOT NULL);
`

// Options configure a Store.
type Options struct {
	// Dir is the data directory; it is made when missing.
	Dir string
	// MemoryLimit bounds the process's memory, in DuckDB's notation, such as "1GB"; DuckDB's buffers
	// have three quarters of it. Empty is "1GB".
	MemoryLimit string
	// Threads bounds the threads of all queries together; 0 is one for each core.
	Threads int
	// ReservedNames refuses names that begin or end with two underscores.
	ReservedNames bool
	// Disk refuses ingestion when the disk is nearly full. Required.
	Disk *disk.Guard
	Log  *slog.Logger
}

// Store owns the DuckDB database. It is safe for concurrent use.
type Store struct {
	db   *sql.DB
	log  *slog.Logger
	disk *disk.Guard
	// reserved is Options.ReservedNames.
	reserved bool
	// memory is Options.MemoryLimit in bytes.
	memory int64
	// broken gets the error after which DuckDB refuses everything, once.
	broken chan error

	catalog atomic.Pointer[Catalog]
	// ddl is held while the catalog changes; never taken while a table's writer is held.
	ddl sync.Mutex

	// mu guards the fields below.
	mu sync.Mutex
	// underway are the times of the ingestions under way; nextTime is the first that a coming one may have.
	underway map[int64]bool
	nextTime int64
	writers  map[int64]*tableWriter // by table ID
	ids      int64                  // the last number drawn
	idsLeft  int                    // how many more the block has
}

// Open opens the database in opts.Dir, or makes it.
func Open(ctx context.Context, opts Options) (*Store, error) {
	if err := keepPrivate(opts.Dir); err != nil {
		return nil, err
	}
	path := filepath.Join(opts.Dir, fileName)
	// DuckDB aggregates by columns of few values in an array that it lays out by the columns'
	// statistics when it plans the query. Rows that are committed before it runs can lie outside,
	// and it then fails ("Perfect hash aggregate: … exceeded total groups"). The allocator's own
	// threads give memory back to the system within seconds; else it keeps what a query had, and
	// the next is ended for it.
	settings := fmt.Sprintf("?perfect_ht_threshold=0&allocator_background_threads=true&memory_limit=%s&temp_directory=%s",
		withDefault(opts.MemoryLimit, "1GB"), filepath.Join(opts.Dir, "spill"))
	if opts.Threads > 0 {
		settings += fmt.Sprintf("&threads=%d", opts.Threads)
	}
	connector, err := duckdb.NewConnector(path+settings, nil)
	if err != nil {
		return nil, fmt.Errorf("open %s (is another localadx using this data directory?): %w", path, err)
	}
	s := &Store{db: sql.OpenDB(connector), log: opts.Log, disk: opts.Disk, reserved: opts.ReservedNames,
		broken: make(chan error, 1), writers: map[int64]*tableWriter{}, underway: map[int64]bool{}}
	if err := start(ctx, s); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("keep the database from other users: %w", err), s.db.Close())
	}
	return s, nil
}

// keepPrivate makes the data directory, for its owner alone: DuckDB makes its files for all to
// read, whatever of them it makes again. A directory of another owner, such as a volume that a group
// shares, is left as it is.
func keepPrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("keep the data directory from other users: %w", err)
	}
	return nil
}

func start(ctx context.Context, s *Store) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close()
	// Go functions are called with rows in any order; ingestion order is kept by the appender, not by queries.
	if s.memory, err = memoryLimit(ctx, conn); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("SET GLOBAL memory_limit = '%dB'", s.memory/4*3)); err != nil {
		return fmt.Errorf("bound the memory of the database: %w", err)
	}
	if err := engine.Register(conn, engine.NewMemory(s.memory)); err != nil {
		return fmt.Errorf("register the query functions: %w", err)
	}
	if _, err := conn.ExecContext(ctx, systemTables); err != nil {
		return fmt.Errorf("make the system tables: %w", err)
	}
	if err := widenDecimals(ctx, conn); err != nil {
		return fmt.Errorf("give the database's decimals 34 digits: %w", err)
	}
	return load(ctx, s)
}

// memoryLimit returns the database's limit in bytes, which it may have been given as a share of the machine's.
func memoryLimit(ctx context.Context, conn *sql.Conn) (int64, error) {
	var text, unit string
	var n float64
	err := conn.QueryRowContext(ctx, "SELECT current_setting('memory_limit')").Scan(&text)
	if err == nil {
		_, err = fmt.Sscanf(text, "%f %s", &n, &unit)
	}
	if err != nil {
		return 0, fmt.Errorf("read the memory limit: %w", err)
	}
	shift, ok := map[string]int{"bytes": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40, "PiB": 50}[unit]
	if !ok {
		return 0, fmt.Errorf("read the memory limit: %q is not a size", text)
	}
	return int64(n * float64(int64(1)<<shift)), nil
}

// MemoryLimit is Options.MemoryLimit in bytes.
func (s *Store) MemoryLimit() int64 { return s.memory }

// load reads the catalog and the ingest-by tags.
func load(ctx context.Context, s *Store) error {
	catalog := &Catalog{databases: map[string]*Database{}}
	err := each(ctx, s, "SELECT body FROM adx.databases", func(scan func(...any) error) error {
		var body string
		if err := scan(&body); err != nil {
			return err
		}
		d, err := decodeDatabase([]byte(body))
		if err != nil {
			return err
		}
		catalog.databases[strings.ToLower(d.Name)] = d
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	s.catalog.Store(catalog)
	return loadTags(ctx, s)
}

// Close ends all work and closes the file.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// Broken yields an error when the database cannot be used until it is opened again: DuckDB could not write its file.
// What was confirmed before is safe.
func (s *Store) Broken() <-chan error { return s.broken }

// watch tells Broken of an error after which nothing works.
func (s *Store) watch(err error) error {
	var duck *duckdb.Error
	if errors.As(err, &duck) && duck.Type == duckdb.ErrorTypeFatal {
		select {
		case s.broken <- fmt.Errorf("the database must be opened again: %w", err):
		default:
		}
	}
	return err
}

// DB returns the database, for the query engine and for reading.
func (s *Store) DB() *sql.DB { return s.db }

// Catalog returns the current schema.
func (s *Store) Catalog() *Catalog { return s.catalog.Load() }

// each calls row for every row of a query.
func each(ctx context.Context, s *Store, query string, row func(scan func(...any) error) error, args ...any) error {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// transact runs fn in a transaction on one connection; it commits unless fn fails.
func transact(ctx context.Context, s *Store, fn func(*sql.Conn) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		return fmt.Errorf("begin a transaction: %w", s.watch(err))
	}
	done := false
	defer func() {
		if done {
			return
		}
		// fn failed or panicked. The caller's context may have ended; the connection must still be usable afterwards.
		if _, rollback := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); rollback != nil {
			s.log.Debug("roll back", "err", rollback)
		}
	}()
	if err := fn(conn); err != nil {
		return err
	}
	done = true
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", s.watch(err))
	}
	return nil
}

// idBlock is how many numbers are drawn from the sequence at a time.
const idBlock = 1000

// nextID draws a number that no entity of any kind has had. Numbers left of a block are lost at the end of the process.
func nextID(ctx context.Context, s *Store) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idsLeft == 0 {
		var block int64
		if err := s.db.QueryRowContext(ctx, "SELECT nextval('adx.ids')").Scan(&block); err != nil {
			return 0, fmt.Errorf("draw ids: %w", err)
		}
		s.ids, s.idsLeft = block*idBlock, idBlock
	}
	s.ids++
	s.idsLeft--
	return s.ids, nil
}

func withDefault(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// now is the time as stored: UTC without the monotonic reading.
func now() time.Time { return time.Now().UTC().Round(0) }
