package probe

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// postgres is a probe of a PostgreSQL server.
type postgres struct {
	lab *lab
	cfg pgrepl.Config
	// name is the name of the probe's slot and publication.
	name string
}

// slotPrefix begins the names of slots of all probes.
const slotPrefix = "calypso_probe_"

func slotLeft(slot string) string {
	return "replication slot " + slot + ": SELECT pg_drop_replication_slot(" + pgrepl.QuoteLiteral(slot) + ");"
}

// PostgreSQL probes a server, or a pooler in front of one.
func PostgreSQL(ctx context.Context, cfg pgrepl.Config, o Options) *Report {
	p := &postgres{lab: o.lab("PostgreSQL", fmt.Sprintf("%s, database %s, user %s", cfg.Addresses(), cfg.Database,
		cfg.User)), cfg: cfg, name: slotPrefix + unique()}
	p.lab.others = p.left
	return p.lab.run(ctx, p.experiments())
}

func (p *postgres) experiments() []experiment {
	all := []experiment{
		{"the way to the server", "connections reach the server itself", p.direct},
		{"the server's log", "wal_level is logical, and the server is a primary or a standby of PostgreSQL 16 or later",
			p.log},
		{"a replication connection", "taken, and the role may replicate", p.replication},
	}
	for _, plugin := range []string{"pgoutput", "decoderbufs", "wal2json"} {
		all = append(all, experiment{"the output plugin " + plugin, "the role may use it",
			func(ctx context.Context) (outcome, error) { return p.plugin(ctx, plugin) }})
	}
	return append(all,
		experiment{"a slot that standbys keep", "it can be made on a primary of PostgreSQL 17 or later", p.failover},
		experiment{"a publication of all tables", "the role may make one",
			func(ctx context.Context) (outcome, error) { return p.publication(ctx, " FOR ALL TABLES") }},
		experiment{"a publication", "the role may make one",
			func(ctx context.Context) (outcome, error) { return p.publication(ctx, "") }},
	)
}

// connected calls f with a connection.
func (p *postgres) connected(ctx context.Context, f func(*pgx.Conn) (outcome, error)) (outcome, error) {
	conn, err := p.cfg.Connect(ctx)
	if err != nil {
		return outcome{}, err
	}
	defer pgrepl.Disconnect(conn)
	return f(conn)
}

// direct detects a pooler by the process id that it reports for the connection, which it makes up.
func (p *postgres) direct(ctx context.Context) (outcome, error) {
	return p.connected(ctx, func(conn *pgx.Conn) (outcome, error) {
		var pid uint32
		if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
			return outcome{}, fmt.Errorf("ask for the process that serves the connection: %w", err)
		}
		if pid != conn.PgConn().PID() {
			return outcome{"a pooler is between: the server's process is another than the one that answered the connection",
				Otherwise,
				"Connectors that read the log need the server itself, as may be on another port: set database.hostname and database.port. Polling connectors may stay behind the pooler."}, nil
		}
		return expected("the server's process answers itself"), nil
	})
}

// refused returns the outcome for a refusal whose reason Calypso knows; other errors are returned
// to the caller.
func refused(err error) (outcome, error) {
	known, ok := errors.AsType[*pgrepl.Error](err)
	if !ok || known.Reason == pgrepl.ReasonUnreachable {
		return outcome{}, err
	}
	return outcome{fmt.Sprintf("%v (%s)", known.Err, known.Reason), Otherwise, known.Remedy}, nil
}

func (p *postgres) log(ctx context.Context) (outcome, error) {
	return p.connected(ctx, func(conn *pgx.Conn) (outcome, error) {
		server, err := pgrepl.InspectServer(ctx, conn)
		if err != nil {
			return outcome{}, err
		}
		if err := errors.Join(server.CheckWAL(), server.CheckStandby(nil)); err != nil {
			return refused(err)
		}
		return expected("PostgreSQL %d, wal_level=%s, standby: %t, encoding %s", server.Major(), server.WALLevel,
			server.InRecovery, server.Encoding), nil
	})
}

func (p *postgres) replication(ctx context.Context) (outcome, error) {
	session, err := pgrepl.OpenSession(ctx, p.cfg)
	if err != nil {
		return refused(err)
	}
	defer session.Close(ctx)
	system, err := session.Identify(ctx)
	if err != nil {
		return refused(err)
	}
	return expected("taken, on timeline %d", system.Timeline), nil
}

func (p *postgres) plugin(ctx context.Context, plugin string) (outcome, error) {
	return p.connected(ctx, func(conn *pgx.Conn) (outcome, error) {
		listed, err := pgrepl.ListsPlugins(ctx, conn)
		if err != nil {
			return outcome{}, err
		}
		if err := pgrepl.TryPlugin(ctx, conn, plugin, p.cfg.User); err != nil {
			return refused(err)
		}
		return expected("a temporary slot with it could be made; the server has %s: %t", pgrepl.PluginList, listed), nil
	})
}

func (p *postgres) failover(ctx context.Context) (outcome, error) {
	return p.connected(ctx, func(conn *pgx.Conn) (outcome, error) {
		server, err := pgrepl.InspectServer(ctx, conn)
		if err != nil {
			return outcome{}, err
		}
		standbys, err := pgrepl.InspectStandbys(ctx, conn)
		if err != nil {
			return outcome{}, err
		}
		if !server.KeepsSlots() {
			return outcome{fmt.Sprintf("PostgreSQL %d, standby: %t, has no such slots; pg_failover_slots seen: %t",
				server.Major(), server.InRecovery, standbys.FailoverSlots), Otherwise,
				"After a failover the slot is gone unless pg_failover_slots or Patroni's permanent slots keep it; the connector then says SLOT_MISSING and does not go on by itself."}, nil
		}
		session, err := pgrepl.OpenSession(ctx, p.cfg)
		if err != nil {
			return refused(err)
		}
		defer session.Close(ctx)
		p.lab.remember(slotLeft(p.name), p.dropSlot)
		// A probe that is killed leaves the slot behind, which retains the server's log: so it exists as
		// briefly as possible.
		defer func() { _ = p.dropSlot(context.WithoutCancel(ctx)) }()
		if _, err := session.CreateSlot(ctx, p.name, pgrepl.SlotOptions{Plugin: "pgoutput"}); err != nil {
			return refused(err)
		}
		if err := session.KeepOnStandbys(ctx, p.name); err != nil {
			return refused(err)
		}
		return expected("made; synchronized_standby_slots=%q", standbys.Synchronised), nil
	})
}

// left returns the slots of other probes.
func (p *postgres) left(ctx context.Context) (found []string, err error) {
	_, err = p.connected(ctx, func(conn *pgx.Conn) (outcome, error) {
		rows, err := conn.Query(ctx, "SELECT slot_name FROM pg_replication_slots WHERE NOT temporary AND starts_with(slot_name::text, "+
			pgrepl.QuoteLiteral(slotPrefix)+") AND slot_name <> "+pgrepl.QuoteLiteral(p.name)+" ORDER BY 1")
		if err != nil {
			return outcome{}, err
		}
		slots, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, slot := range slots {
			found = append(found, slotLeft(slot)+" It holds the server's log."+killed)
		}
		return outcome{}, err
	})
	return found, err
}

func (p *postgres) dropSlot(ctx context.Context) error {
	_, err := p.connected(ctx, func(conn *pgx.Conn) (outcome, error) {
		_, err := conn.Exec(ctx, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = "+
			pgrepl.QuoteLiteral(p.name))
		return outcome{}, err
	})
	return err
}

// publication creates a publication in a transaction that is rolled back.
func (p *postgres) publication(ctx context.Context, of string) (outcome, error) {
	return p.connected(ctx, func(conn *pgx.Conn) (outcome, error) {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return outcome{}, fmt.Errorf("begin a transaction: %w", err)
		}
		_, err = tx.Exec(ctx, "CREATE PUBLICATION "+pgrepl.QuoteIdent(p.name)+of)
		if end := tx.Rollback(ctx); end != nil {
			return outcome{}, fmt.Errorf("roll back a publication: %w", end)
		}
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" {
			o := outcome{pg.Message, Otherwise,
				"Calypso makes a publication of the captured tables in its place, for which the role must own them and may make publications."}
			if of == "" {
				o.follows = "Let an administrator make the publication and set publication.autocreate.mode=disabled, or GRANT CREATE ON DATABASE … to the role."
			}
			return o, nil
		}
		if err != nil {
			return outcome{}, fmt.Errorf("make a publication: %w", err)
		}
		return expected("made, and rolled back"), nil
	})
}
