package pgrepl

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A slot keeps the output plugin that it was made with; a copy of it may have another one, at the
// same position (pg_copy_logical_replication_slot). That migrates a slot to pgoutput, with all
// changes that it still has, if its publication was there all the time: pgoutput looks for the
// publication, and for what it holds, in the catalog as of each change.

// migrationCopy is the name of the copy by which a slot is migrated, as long as that takes.
func migrationCopy(slot string) string {
	const suffix = "_calypso_carry"
	return slot[:min(len(slot), 63-len(suffix))] + suffix
}

// TrySlot returns the *Error that keeps the role from reading a slot with its plugin; nil if
// nothing does or if it cannot be known. It copies the slot for a moment, which waits for nobody.
func TrySlot(ctx context.Context, conn *pgx.Conn, slot *SlotState, user string) error {
	_, err := conn.Exec(ctx,
		"SELECT pg_drop_replication_slot(slot_name) FROM pg_copy_logical_replication_slot($1, 'calypso_probe_' || pg_backend_pid(), true)", slot.Name)
	if err == nil {
		return nil
	}
	err = slotError(fmt.Sprintf("read replication slot %q", slot.Name), slot.Name, slot.Plugin, user, err)
	if r := ReasonOf(err); r == ReasonPluginRefused || r == ReasonPluginMissing {
		return err
	}
	return nil
}

// Migratable returns why a slot of another plugin cannot be migrated to pgoutput with this
// publication without a gap; nil if it can.
func (p Publication) Migratable(ctx context.Context, conn *pgx.Conn, server Server, slot *SlotState) error {
	// A row of the catalog that is older than all that the slot reads the catalog for is the same for each of its changes.
	rows := "SELECT p.oid AS of, p.xmin FROM pg_publication p UNION ALL SELECT prpubid, xmin FROM pg_publication_rel"
	lists, root := "false", "false"
	if server.Major() >= 13 {
		root = "p.pubviaroot"
	}
	if server.Major() >= 15 {
		rows += " UNION ALL SELECT pnpubid, xmin FROM pg_publication_namespace"
		lists = "EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL))"
	}
	var late, partial, filtered, viaRoot bool
	err := conn.QueryRow(ctx,
		fmt.Sprintf(
			`SELECT s.catalog_xmin IS NULL OR EXISTS (SELECT FROM (%s) r WHERE r.of = p.oid AND age(r.xmin) <= age(s.catalog_xmin)),
		NOT (p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate), %s, %s
		FROM pg_publication p CROSS JOIN pg_replication_slots s WHERE p.pubname = $1 AND s.slot_name = $2`, rows, lists,
			root), p.Name, slot.Name).Scan(&late, &partial, &filtered, &viaRoot)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf(
			"there is no publication %q, and one that is made now does not count for changes that were made before", p.Name)
	}
	if err != nil {
		return fmt.Errorf("look at publication %q: %w", p.Name, err)
	}
	missing, err := p.Missing(ctx, conn)
	switch {
	case err != nil:
		return err
	case late:
		return fmt.Errorf("publication %q was made or altered after the slot's oldest changes", p.Name)
	case len(missing) > 0:
		return fmt.Errorf("publication %q does not hold %s", p.Name, names(missing))
	case partial || filtered || viaRoot:
		return fmt.Errorf("publication %q leaves out operations, rows or columns, or publishes by partition root", p.Name)
	}
	return nil
}

// MigrateSlot makes a slot that nobody reads one of pgoutput's, at the same position. A crash on the way
// is repaired by ResumeMigration.
func MigrateSlot(ctx context.Context, conn *pgx.Conn, slot string) error {
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{"SELECT pg_copy_logical_replication_slot($1, $2, false, 'pgoutput')", []any{slot, migrationCopy(slot)}},
		{"SELECT pg_drop_replication_slot($1)", []any{slot}},
		{"SELECT pg_copy_logical_replication_slot($1, $2, false, 'pgoutput')", []any{migrationCopy(slot), slot}},
		{"SELECT pg_drop_replication_slot($1)", []any{migrationCopy(slot)}},
	} {
		if _, err := conn.Exec(ctx, step.sql, step.args...); err != nil {
			return fmt.Errorf("migrate replication slot %q to pgoutput: %w", slot, err)
		}
	}
	return nil
}

// ResumeMigration ends a MigrateSlot that a crash has cut short: a slot that is gone is made of its
// copy again, and the copy goes.
func ResumeMigration(ctx context.Context, conn *pgx.Conn, slot string) error {
	_, err := conn.Exec(ctx,
		`SELECT pg_copy_logical_replication_slot(slot_name, $1, false, 'pgoutput') FROM pg_replication_slots
		WHERE slot_name = $2 AND plugin = 'pgoutput' AND NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`,
		slot, migrationCopy(slot))
	if err == nil {
		_, err = conn.Exec(ctx,
			"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active",
			migrationCopy(slot))
	}
	if err != nil {
		return fmt.Errorf("finish the migration of replication slot %q to pgoutput: %w", slot, err)
	}
	return nil
}
