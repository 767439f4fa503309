package pgrepl

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Standbys is what a primary tells about the standbys that may be promoted in its place.
type Standbys struct {
	// Connected is true if a client reads the whole log, as standbys do.
	Connected bool
	// Synchronised is synchronized_standby_slots (PostgreSQL 17): the physical slots of the standbys
	// that get each change before readers of logical slots do.
	Synchronised string
	// FailoverSlots is true if the extension pg_failover_slots is known to be loaded; roles without
	// pg_read_all_settings cannot see that.
	FailoverSlots bool
}

// InspectStandbys asks a server about its standbys.
func InspectStandbys(ctx context.Context, conn *pgx.Conn) (Standbys, error) {
	var s Standbys
	// Who reads a logical slot, or will, is connected to a database; a standby is not.
	err := conn.QueryRow(ctx,
		`SELECT EXISTS (SELECT FROM pg_stat_replication r JOIN pg_stat_activity a ON a.pid = r.pid WHERE a.datid IS NULL),
		coalesce((SELECT setting FROM pg_settings WHERE name = 'synchronized_standby_slots'), ''),
		EXISTS (SELECT FROM pg_settings WHERE name LIKE 'pg_failover_slots.%' OR name = 'shared_preload_libraries' AND setting LIKE '%pg_failover_slots%')`).Scan(&s.Connected, &s.Synchronised, &s.FailoverSlots)
	if err != nil {
		return s, fmt.Errorf("ask for standbys: %w", err)
	}
	return s, nil
}
