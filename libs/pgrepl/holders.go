package pgrepl

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Holder is a transaction that is still open: a slot cannot be made before it ends, and the server
// keeps all log since it began for every slot that there is.
type Holder struct {
	// What says which it is, for a sentence.
	What string
	// Since is when it began; zero where the role may not see that.
	Since time.Time
	// Remedy says what ends it.
	Remedy string
}

// String says which transaction it is and for how long it has been open.
func (h Holder) String() string {
	if h.Since.IsZero() {
		return h.What + ", for a time that only pg_read_all_stats may see"
	}
	return fmt.Sprintf("%s, for %v", h.What, time.Since(h.Since).Round(time.Second))
}

// maxHolders bounds a list of holders; those that began first are in it.
const maxHolders = 10

// Holders lists the transactions of the whole cluster that have been open for at least so long, oldest first.
func Holders(ctx context.Context, conn *pgx.Conn, atLeast time.Duration) ([]Holder, error) {
	rows, err := conn.Query(ctx,
		fmt.Sprintf(
			`SELECT true, gid, 0, owner::text, database::text, prepared, '' FROM pg_prepared_xacts WHERE prepared <= clock_timestamp() - interval '%[1]d ms'
		UNION ALL SELECT false, '', pid, coalesce(usename::text, ''), coalesce(datname::text, ''), xact_start, coalesce(state, '')
			FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND (xact_start IS NULL OR xact_start <= clock_timestamp() - interval '%[1]d ms')
		ORDER BY 6 NULLS LAST LIMIT %[2]d`, atLeast.Milliseconds(), maxHolders))
	if err != nil {
		return nil, fmt.Errorf("look for open transactions: %w", err)
	}
	var out []Holder
	var prepared bool
	var gid, owner, database, state string
	var pid int
	var since *time.Time
	_, err = pgx.ForEachRow(rows, []any{&prepared, &gid, &pid, &owner, &database, &since, &state}, func() error {
		h := Holder{}
		if since != nil {
			h.Since = *since
		}
		if prepared {
			h.What = fmt.Sprintf("prepared transaction %s of %s in database %s", QuoteLiteral(gid), owner, database)
			h.Remedy = fmt.Sprintf("In database %s, as its coordinator decides: COMMIT PREPARED %s; or ROLLBACK PREPARED %[2]s;",
				database, QuoteLiteral(gid))
		} else {
			h.What = fmt.Sprintf("transaction of process %d (%s, %s) in database %s", pid, owner, state, database)
			h.Remedy = "Let it end, or: SELECT pg_terminate_backend(" + strconv.Itoa(pid) + ");"
		}
		out = append(out, h)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for open transactions: %w", err)
	}
	return out, nil
}

// IdleSlot is a slot that nobody reads and for which the server keeps log all the same.
type IdleSlot struct {
	Name     string
	Database string
	Retained int64
}

// IdleSlots lists the slots that nobody reads, those that keep most first, except one that is named.
func IdleSlots(ctx context.Context, conn *pgx.Conn, server Server, but string) ([]IdleSlot, error) {
	now := "pg_current_wal_lsn()"
	if server.InRecovery {
		now = "pg_last_wal_receive_lsn()"
	}
	rows, err := conn.Query(ctx,
		fmt.Sprintf(`SELECT slot_name::text, coalesce(database::text, ''), pg_wal_lsn_diff(%s, restart_lsn)::bigint AS kept
		FROM pg_replication_slots WHERE NOT active AND restart_lsn IS NOT NULL AND slot_name <> $1 ORDER BY kept DESC LIMIT %d`, now, maxHolders), but)
	if err != nil {
		return nil, fmt.Errorf("look for slots that nobody reads: %w", err)
	}
	var out []IdleSlot
	var one IdleSlot
	_, err = pgx.ForEachRow(rows, []any{&one.Name, &one.Database, &one.Retained},
		func() error { out = append(out, one); return nil })
	if err != nil {
		return nil, fmt.Errorf("look for slots that nobody reads: %w", err)
	}
	return out, nil
}
