package pgrepl

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Holder is a transaction that is still open: no slot can be created before it ends, and the server
// keeps all log since its beginning for every existing slot.
type Holder struct {
	// What names the transaction, as part of a sentence.
	What string
	// Since is when it began; zero if the role may not see that.
	Since time.Time
	// Remedy says how to end it.
	Remedy string
}

// String names the transaction and tells how long it has been open.
func (h Holder) String() string {
	if h.Since.IsZero() {
		return h.What + ", for a time that only pg_read_all_stats may see"
	}
	return fmt.Sprintf("%s, for %v", h.What, time.Since(h.Since).Round(time.Second))
}

// maxHolders bounds a list of holders.
const maxHolders = 10

// Holders returns the transactions of the whole cluster that have been open for at least the given
// time, oldest first, at most maxHolders.
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

// IdleSlot is a slot that nobody reads but for which the server keeps log.
type IdleSlot struct {
	Name     string
	Database string
	Retained int64
}

// maxIdle bounds the list of idle slots: a server may have one for each of many connectors.
const maxIdle = 100

// IdleSlots returns the slots that nobody reads, except the slot but: those that keep most first,
// at most maxIdle. Slots that a standby copies from its primary (PostgreSQL 17) are not among them.
func IdleSlots(ctx context.Context, conn *pgx.Conn, server Server, but string) ([]IdleSlot, error) {
	now := "pg_current_wal_lsn()"
	if server.InRecovery {
		now = "pg_last_wal_receive_lsn()"
	}
	own := "true"
	if server.Major() >= 17 {
		own = "NOT synced"
	}
	rows, err := conn.Query(ctx,
		fmt.Sprintf(`SELECT slot_name::text, coalesce(database::text, ''), pg_wal_lsn_diff(%s, restart_lsn)::bigint AS kept
		FROM pg_replication_slots WHERE NOT active AND %s AND restart_lsn IS NOT NULL AND slot_name <> $1 ORDER BY kept DESC LIMIT %d`,
			now, own, maxIdle), but)
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
