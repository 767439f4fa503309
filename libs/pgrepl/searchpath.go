package pgrepl

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// catalogFirst has the server look for names in its own catalog before any other schema. It does so
// by itself, unless the search_path that a role, a database or a statement of the user's sets names
// pg_catalog after others: functions, operators and tables of these would then answer instead.
//
// The path stays as it is otherwise, since the names of types, the text of defaults and of values
// of regclass, and what a user's own SELECT reads depend on it, as they do with Debezium. A function
// or an operator of another schema is also taken where it fits the arguments better, so queries call
// the catalog's with the types that it declares, or by its schema.
//
// SHOW looks nothing up, so nothing on the path can answer in its place.
func catalogFirst(ctx context.Context, conn *pgconn.PgConn) error {
	const op = "have names looked up in pg_catalog first"
	results, err := conn.Exec(ctx, "SHOW search_path").ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return fmt.Errorf("%s: the server does not say what its search_path is", op)
	}
	path := string(results[0].Rows[0][0])
	if !behindOthers(path) {
		return nil
	}
	// What is named twice counts where it is named first.
	if _, err := conn.Exec(ctx, "SET search_path = pg_catalog, "+path).ReadAll(); err != nil {
		return fmt.Errorf("%s (search_path is %s): %w", op, path, err)
	}
	return nil
}

// CatalogFirst does the same for connections that are not opened by a Config.
func CatalogFirst(ctx context.Context, conn *pgx.Conn) error { return catalogFirst(ctx, conn.PgConn()) }

// behindOthers reports whether a search_path names pg_catalog elsewhere than at its beginning. A
// path that only resembles such a one is none the worse for being taken for it.
func behindOthers(path string) bool {
	path = strings.ToLower(strings.TrimLeft(path, " \""))
	return strings.Contains(path, "pg_catalog") && !strings.HasPrefix(path, "pg_catalog")
}
