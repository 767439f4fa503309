package incremental

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// MarkPrefix is the prefix of the logical messages that mark chunks where there is no signal table.
const MarkPrefix = "calypso.watermark"

// CanMark reports whether watermarks can be written so that the stream brings them back.
func CanMark(s *spec.Spec, server pgrepl.Server, plugin spec.Plugin) bool {
	table := s.Signals.Table != "" && !s.Signals.ReadOnly
	messages := plugin == spec.Pgoutput && server.Major() >= 14 || plugin == spec.Wal2JSON
	return !server.InRecovery && (table || messages)
}

// mark writes a chunk's mark where the stream will bring it: into the signal table, or as a logical message.
func (r Chunks) mark(ctx context.Context, conn *pgx.Conn, id string, opened, closed time.Time) error {
	set := r.Spec.Signals
	if set.Table == "" || set.ReadOnly {
		if _, err := conn.Exec(ctx, "SELECT pg_catalog.pg_logical_emit_message(true, $1, $2::text)", MarkPrefix,
			id); err != nil {
			return fmt.Errorf("write a watermark: %w", err)
		}
		return nil
	}
	schema, name, _ := strings.Cut(set.Table, ".")
	table := pgrepl.QuoteTable(schema, name)
	const layout = "2006-01-02T15:04:05.000000000Z"
	data := fmt.Sprintf(`{"openWindowTimestamp": %q}`, opened.UTC().Format(layout))
	sql, args := "INSERT INTO "+table+" VALUES ($1, 'snapshot-window-open', $2)", []any{id, data}
	if !closed.IsZero() {
		data = fmt.Sprintf(`{"openWindowTimestamp": %q, "closeWindowTimestamp": %q}`, opened.UTC().Format(layout),
			closed.UTC().Format(layout))
		sql, args = "INSERT INTO "+table+" VALUES ($1, 'snapshot-window-close', $2)", []any{id, data}
		if set.Watermarks == spec.InsertDelete {
			sql, args = "DELETE FROM "+table+" WHERE id OPERATOR(pg_catalog.=) $1",
				[]any{strings.TrimSuffix(id, "-close") + "-open"}
		}
	}
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("write a watermark into signal table %s: %w", set.Table, err)
	}
	return nil
}
