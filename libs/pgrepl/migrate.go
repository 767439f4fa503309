package pgrepl

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A slot keeps the output plugin with which it was created, but a copy of it may have another one,
// at the same position (pg_copy_logical_replication_slot). So a slot can be migrated to pgoutput
// with all changes that it still holds, provided that the publication existed all that time:
// pgoutput looks up the publication and its contents in the catalog as of each change.

// migrationCopy returns the name of the temporary copy through which a slot is migrated.
func migrationCopy(slot string) string {
	const suffix = "_calypso_carry"
	return slot[:min(len(slot), 63-len(suffix))] + suffix
}

// TrySlot returns the *Error that keeps the role from reading a slot with its plugin; nil if
// nothing does, or if that cannot be known. It makes a temporary copy of the slot, which waits for
// no transaction, and drops it.
func TrySlot(ctx context.Context, conn *pgx.Conn, slot *SlotState, user string) error {
	_, err := conn.Exec(ctx,
		"SELECT pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_copy_logical_replication_slot($1, 'calypso_probe_' || pg_backend_pid()::text, true)", slot.Name)
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
	// A catalog row that is older than the slot's catalog_xmin is the same for each change that the
	// slot holds.
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
			"there is no publication %q, and one created now does not apply to earlier changes", p.Name)
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

// MigrateSlot turns a slot that nobody reads into one of pgoutput, at the same position.
// ResumeMigration repairs a migration that a crash cut short.
func MigrateSlot(ctx context.Context, conn *pgx.Conn, slot string) error {
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{"SELECT pg_catalog.pg_copy_logical_replication_slot($1, $2, false, 'pgoutput')", []any{slot, migrationCopy(slot)}},
		{"SELECT pg_catalog.pg_drop_replication_slot($1)", []any{slot}},
		{"SELECT pg_catalog.pg_copy_logical_replication_slot($1, $2, false, 'pgoutput')", []any{migrationCopy(slot), slot}},
		{"SELECT pg_catalog.pg_drop_replication_slot($1)", []any{migrationCopy(slot)}},
	} {
		if _, err := conn.Exec(ctx, step.sql, step.args...); err != nil {
			return fmt.Errorf("migrate replication slot %q to pgoutput: %w", slot, err)
		}
	}
	return nil
}

// ResumeMigration finishes a MigrateSlot that a crash cut short: if the slot is gone it is created
// from its copy, and the copy is dropped.
func ResumeMigration(ctx context.Context, conn *pgx.Conn, slot string) error {
	_, err := conn.Exec(ctx,
		`SELECT pg_catalog.pg_copy_logical_replication_slot(slot_name, $1, false, 'pgoutput') FROM pg_replication_slots
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
