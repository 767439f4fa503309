package pgrepl

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// catalogFirst has the server look for names in its own catalog before any other schema. It does so
// by itself unless the search_path, as a role, a database or a statement of the user's sets it,
// names pg_catalog after others: functions, operators and tables of these would then answer instead.
// Taken out of the path it comes first, and objects of statements that name no schema are still
// made in the first schema that the path names, and not in pg_catalog.
//
// The path stays as it is otherwise, since the names of types, the text of defaults and of values
// of regclass, and what a user's own SELECT reads depend on it, as they do with Debezium. A function
// or an operator of another schema is also taken where it fits the arguments better, so queries call
// the catalog's with the types that it declares, or by its schema.
//
// Behind a pooler in transaction mode the setting stays with the server's connection that ran it:
// later statements may run without it, and those of other clients with it. These find and make the
// same objects as before, but for those of other schemas that have the names of the catalog's.
//
// Neither SHOW nor a function named with its schema can be answered by something on the path.
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
	rest, behind := withoutCatalog(path)
	if !behind {
		return nil
	}
	// The text of a path is not always one that SET takes: $user needs quotes there.
	set := "SELECT pg_catalog.set_config('search_path', " + QuoteLiteral(rest) + ", false)"
	if _, err := conn.Exec(ctx, set).ReadAll(); err != nil {
		return fmt.Errorf("%s (search_path is %s): %w", op, path, err)
	}
	return nil
}

// CatalogFirst does the same for connections that are not opened by a Config.
func CatalogFirst(ctx context.Context, conn *pgx.Conn) error { return catalogFirst(ctx, conn.PgConn()) }

// withoutCatalog takes pg_catalog out of the text of a search_path, and reports whether it stood
// after another schema. What is named twice counts where it is named first.
func withoutCatalog(path string) (rest string, behind bool) {
	quoted := false
	schemas := strings.FieldsFunc(path, func(c rune) bool {
		if c == '"' {
			quoted = !quoted
		}
		return c == ',' && !quoted
	})
	for i, s := range schemas {
		schemas[i] = strings.TrimSpace(s)
	}
	isCatalog := func(s string) bool { return s == `"pg_catalog"` || strings.EqualFold(s, "pg_catalog") }
	behind = slices.IndexFunc(schemas, isCatalog) > 0
	return strings.Join(slices.DeleteFunc(schemas, isCatalog), ", "), behind
}
