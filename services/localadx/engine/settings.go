package engine

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Settings bound what the database behind an engine uses. A zero field leaves DuckDB's default.
type Settings struct {
	MemoryBytes int64  // memory of all queries and tables' buffers together; what needs more goes to TempDir or fails
	Threads     int    // of all queries together
	TempDir     string // where queries that exceed the memory put intermediate results
}

// Configure applies settings to the database instance behind db.
func Configure(ctx context.Context, db *sql.DB, s Settings) error {
	var statements []string
	if s.MemoryBytes > 0 {
		statements = append(statements, fmt.Sprintf("SET GLOBAL memory_limit = '%dB'", s.MemoryBytes))
	}
	if s.Threads > 0 {
		statements = append(statements, fmt.Sprintf("SET GLOBAL threads = %d", s.Threads))
	}
	if s.TempDir != "" {
		statements = append(statements, "SET GLOBAL temp_directory = '"+strings.ReplaceAll(s.TempDir, "'", "''")+"'")
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("configure the database: %w", err)
		}
	}
	return nil
}
