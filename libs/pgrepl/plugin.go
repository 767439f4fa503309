package pgrepl

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// PluginList is the server parameter that lists the output plugins that may be used. Servers have
// it since FirstPluginLists; on older ones every role that may replicate can use any installed
// plugin. Only superusers and members of pg_read_all_settings may read it.
const PluginList = "output_plugin_libraries"

// FirstPluginLists are the releases that introduced PluginList, which contains pgoutput and
// test_decoding by default.
const FirstPluginLists = "PostgreSQL 14.24, 15.19, 16.15, 17.11 and 18.6"

// BuiltIn reports whether a plugin comes with PostgreSQL, so that PluginList contains it by
// default.
func BuiltIn(plugin string) bool { return plugin == "pgoutput" || plugin == "test_decoding" }

// ListsPlugins reports whether the server has PluginList.
func ListsPlugins(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var list *string
	err := conn.QueryRow(ctx, "SELECT current_setting($1, true)", PluginList).Scan(&list)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" {
		return true, nil // it exists, but this role may not read it
	}
	if err != nil {
		return false, fmt.Errorf("ask whether the server lists output plugins (%s): %w", PluginList, err)
	}
	return list != nil, nil
}

// probeTime is how long TryPlugin waits for a slot, in milliseconds. A server refuses a plugin
// before it begins to wait for open transactions, so if creating the slot takes longer, the plugin
// is accepted.
const probeTime = 2000

// TryPlugin returns the *Error that keeps the role from using a plugin; nil if nothing does. It
// creates and drops a temporary slot, the only test that is open to every role.
func TryPlugin(ctx context.Context, conn *pgx.Conn, plugin, user string) (err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("try output plugin %s: %w", plugin, err)
	}
	defer func() {
		if end := tx.Rollback(ctx); end != nil && err == nil {
			err = fmt.Errorf("try output plugin %s: %w", plugin, end)
		}
	}()
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", probeTime)); err != nil {
		return fmt.Errorf("try output plugin %s: %w", plugin, err)
	}
	_, err = tx.Exec(ctx,
		"SELECT pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_create_logical_replication_slot('calypso_probe_' || pg_backend_pid()::text, $1, true)", plugin)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "57014" {
		return nil
	}
	if err != nil {
		return slotError("try output plugin "+plugin, "", plugin, user, err)
	}
	return nil
}

// refusesPlugin recognizes the refusal of a plugin that PluginList does not contain, by its place
// in the server's source, since its text depends on the server's language.
func refusesPlugin(e *pgconn.PgError) bool { return raised(e, "42501", "StartupDecodingContext") }

var quotedName = regexp.MustCompile(`["»«„“]\s*([^"»«„“”]+?)\s*["»«“”]`)

// pluginRefused is the error for a plugin that PluginList does not contain. If plugin is empty, it
// takes the name from the server's message.
func pluginRefused(op, plugin, user string, cause error) error {
	if m := quotedName.FindStringSubmatch(cause.Error()); plugin == "" && m != nil {
		plugin = m[1]
	}
	return &Error{ReasonPluginRefused, op, cause, "The role may replicate; the server's " + PluginList +
		" does not name the plugin (" + FirstPluginLists +
		" introduced this list, so a minor update may have caused this). " + AllowPlugin(plugin, user) +
		" Otherwise set plugin.name=pgoutput, which produces the same events; an existing slot keeps its plugin, see \"A server refuses an output plugin\" in the operations manual."}
}

// AllowPlugin says how to let a role use a plugin on a server that has PluginList. The list is
// written without quotes around it, which would make it a single name.
func AllowPlugin(plugin, user string) string {
	return fmt.Sprintf(
		"As a superuser, add it to the list that SHOW %s; prints: ALTER ROLE %s SET %[1]s = pgoutput, test_decoding, %[3]s; for this role only, or ALTER SYSTEM SET %[1]s = pgoutput, test_decoding, %[3]s; SELECT pg_reload_conf(); for all roles. "+
			"No restart is needed. A managed server has it among its server parameters (Azure), in its parameter group (Amazon RDS) or its database flags (Google Cloud SQL), if it can be set there at all.", PluginList, QuoteIdent(user), plugin)
}
