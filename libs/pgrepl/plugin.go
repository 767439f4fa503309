package pgrepl

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// PluginList is the parameter that names the output plugins which a server lets be used. Servers
// have it since FirstPluginLists; those before let everybody who may replicate use whatever plugin
// they find. Only superusers and pg_read_all_settings may read it.
const PluginList = "output_plugin_libraries"

// FirstPluginLists are the releases that brought PluginList, with pgoutput and test_decoding in it unless it is set.
const FirstPluginLists = "PostgreSQL 14.24, 15.19, 16.15, 17.11 and 18.6"

// BuiltIn reports whether a plugin comes with PostgreSQL, so that PluginList names it unless somebody took it out.
func BuiltIn(plugin string) bool { return plugin == "pgoutput" || plugin == "test_decoding" }

// ListsPlugins reports whether the server has PluginList.
func ListsPlugins(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var list *string
	err := conn.QueryRow(ctx, "SELECT current_setting($1, true)", PluginList).Scan(&list)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" {
		return true, nil // it is there, and not for this role to read
	}
	if err != nil {
		return false, fmt.Errorf("ask whether the server lists output plugins (%s): %w", PluginList, err)
	}
	return list != nil, nil
}

// probeTime is how long TryPlugin waits for a slot, in milliseconds. What refuses a plugin refuses
// it before the server begins to wait for open transactions, so a slot that takes longer is one
// that could be made.
const probeTime = 2000

// TryPlugin returns the *Error that keeps the role from using a plugin; nil if nothing does. The
// server is asked in the only way that every role has: a temporary slot is made, and dropped.
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
		"SELECT pg_drop_replication_slot(slot_name) FROM pg_create_logical_replication_slot('calypso_probe_' || pg_backend_pid(), $1, true)", plugin)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "57014" {
		return nil
	}
	if err != nil {
		return slotError("try output plugin "+plugin, "", plugin, user, err)
	}
	return nil
}

// refusesPlugin recognises the refusal of a plugin that PluginList does not name. Its text is in
// the server's language, its place of origin is not.
func refusesPlugin(e *pgconn.PgError) bool {
	return e.Code == "42501" && (e.Routine == "StartupDecodingContext" || strings.Contains(e.Message, "output plugin"))
}

var quotedName = regexp.MustCompile(`"([^"]+)"`)

// pluginRefused is the error of a plugin that PluginList does not name. Without a plugin the
// server's words have its name.
func pluginRefused(op, plugin, user string, cause error) error {
	if m := quotedName.FindStringSubmatch(cause.Error()); plugin == "" && m != nil {
		plugin = m[1]
	}
	return &Error{ReasonPluginRefused, op, cause, "The role may replicate; the server's " + PluginList +
		" does not name the plugin (" + FirstPluginLists +
		" brought this list, so that a minor update may be what began it). " + AllowPlugin(plugin, user) +
		" Otherwise set plugin.name=pgoutput, which makes the same events; a slot that exists keeps its plugin, see \"A server refuses an output plugin\" in the operations manual."}
}

// AllowPlugin says how to let a role use a plugin on a server that lists plugins. The list is
// written as names, without quotes around the whole of it, which would make one name of them.
func AllowPlugin(plugin, user string) string {
	return fmt.Sprintf(
		"As a superuser add it to what SHOW %s; says: ALTER ROLE %s SET %[1]s = pgoutput, test_decoding, %[3]s; for this role alone, or ALTER SYSTEM SET %[1]s = pgoutput, test_decoding, %[3]s; SELECT pg_reload_conf(); for all. "+
			"No restart is needed. A managed server has it among its server parameters (Azure), in its parameter group (Amazon RDS) or its database flags (Google Cloud SQL), if it lets it be set at all.", PluginList, QuoteIdent(user), plugin)
}
