package signaltable

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// facts are what the catalog says of a signal table: its pg_class.relkind, how many columns it has
// and how many of the first three are of text, whether the role may insert into it, and whether the
// publication sends that.
type facts struct {
	kind                   string
	columns, texts         int
	insertable, publishing bool
}

// Check returns what is wrong with the signal table of a connector that decodes with plugin, as a
// *pgrepl.Error; nil if nothing is wrong, or the connector has none. joining reports whether the
// start adds the table to the publication.
func Check(ctx context.Context, conn *pgx.Conn, s *spec.Spec, plugin spec.Plugin, joining bool) error {
	table := s.Signals.Table
	if table == "" {
		return nil
	}
	var f facts
	err := conn.QueryRow(ctx, `SELECT c.relkind::text,
		(SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
		(SELECT count(*) FROM (SELECT t.typcategory, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
			WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum LIMIT 3) first
			WHERE typcategory = 'S' OR typname IN ('json', 'jsonb')),
		has_table_privilege(c.oid, 'INSERT'),
		EXISTS (SELECT FROM pg_publication p JOIN pg_publication_tables t USING (pubname)
			WHERE pubname = $2 AND p.pubinsert AND t.schemaname = n.nspname AND t.tablename = c.relname)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname::text || '.' || c.relname::text = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`, table,
		s.Publication.Name).Scan(&f.kind, &f.columns, &f.texts, &f.insertable, &f.publishing)
	schema, name, _ := strings.Cut(table, ".")
	quoted := pgrepl.QuoteTable(schema, name)
	create := fmt.Sprintf("CREATE TABLE %s (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048) NULL);",
		quoted)
	wrong := func(reason pgrepl.Reason, err error, remedy string) error {
		return &pgrepl.Error{Reason: reason, Op: "look at the signal table", Err: err, Remedy: remedy}
	}
	insert := !s.Signals.ReadOnly
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return wrong(pgrepl.ReasonTableMissing,
			fmt.Errorf("table %s does not exist, so that nobody can signal there and incremental snapshots cannot be marked",
				table), create+" Or correct the key: it is one table, schema.table.")
	case err != nil:
		return fmt.Errorf("look at signal table %s: %w", table, err)
	case f.kind != "r" && f.kind != "p":
		return wrong(pgrepl.ReasonNotATable,
			fmt.Errorf("%s is not a table, so that its rows are not in the log", table), "Name a table: "+create)
	case f.columns < 3 || f.texts < 3:
		return wrong(pgrepl.ReasonNotATable,
			fmt.Errorf("table %s does not begin with three text columns (id, type, data), which signals are read from", table),
			"Make it as "+create)
	case insert && !f.insertable:
		return wrong(pgrepl.ReasonTableRight,
			fmt.Errorf("role %s may not insert into %s, where incremental snapshots mark their chunks", s.Connection.User, table),
			fmt.Sprintf("GRANT INSERT ON %s TO %s; or set read.only=true, which marks them by logical messages.", quoted,
				pgrepl.QuoteIdent(s.Connection.User)))
	case plugin == spec.Pgoutput && f.kind == "r" && !f.publishing && !joining:
		return wrong(pgrepl.ReasonPublication,
			fmt.Errorf("publication %s does not publish the inserts of %s, so that no signal arrives", s.Publication.Name, table),
			fmt.Sprintf("As the table's owner: ALTER PUBLICATION %s ADD TABLE %s; or, if it holds it: ALTER PUBLICATION %[1]s SET (publish = 'insert, update, delete, truncate');",
				pgrepl.QuoteIdent(s.Publication.Name), quoted))
	}
	return nil
}

// again is the time between two looks at a signal table that cannot be used.
const again = 15 * time.Second

// Watch tells observer what is wrong with the signal table until nothing is.
func Watch(ctx context.Context, s *spec.Spec, plugin spec.Plugin, observer status.Observer) {
	for s.Signals.Table != "" {
		err := look(ctx, s, plugin)
		if ctx.Err() != nil {
			return
		}
		told := status.Worked{Work: status.SignalTable, Err: err}
		if e, ok := errors.AsType[*pgrepl.Error](err); ok {
			told.Err, told.Remedy = e.Err, e.Remedy
		}
		observer.Observe(told)
		if err == nil || !retry.Sleep(ctx, again) {
			return
		}
	}
}

func look(ctx context.Context, s *spec.Spec, plugin spec.Plugin) error {
	conn, err := s.Connection.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return Check(ctx, conn, s, plugin, false)
}
