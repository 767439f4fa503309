package slot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/connections"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// Create creates a slot, the connector's or a temporary one, and reports what holds it up if it
// takes longer than five seconds. It gives up after internal.create.slot.command.timeout.
func (s *Slot) Create(ctx context.Context, name string, o pgrepl.SlotOptions) (*pgrepl.Session, pgrepl.NewSlot, error) {
	repl, err := s.connection(ctx)
	if err != nil {
		return nil, pgrepl.NewSlot{}, err
	}
	create, cancel := context.WithTimeout(ctx, s.d.Spec.Slot.CreateTimeout)
	defer cancel()
	slow := time.AfterFunc(5*time.Second, func() {
		contain.Run("notice", func() { s.tellHolders(name) }, s.d.NoticeFailed)
	})
	defer slow.Stop()
	created, err := repl.CreateSlot(create, name, o)
	if err != nil {
		repl.Close(context.WithoutCancel(ctx))
		if errors.Is(create.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
			held := "the server has not answered, nor named an open transaction that it waited for"
			if s.d.Server.InRecovery {
				held = "the primary wrote nothing that it could begin at. " + standbySnapshot
			}
			if all := s.holders(); len(all) > 0 {
				held = fmt.Sprintf("a %s, held it up. %s The only other remedy is to raise internal.create.slot.command.timeout",
					all[0], all[0].Remedy)
			}
			err = fmt.Errorf("create replication slot %q within %s: %s: %w", name, s.d.Spec.Slot.CreateTimeout, held, err)
		}
		return nil, pgrepl.NewSlot{}, err
	}
	return repl, created, nil
}

// tellHolders reports what holds up the creation of a slot.
func (s *Slot) tellHolders(name string) {
	if s.d.Server.InRecovery {
		s.d.Log.Warn("the creation of the slot waits for the primary to write down which transactions run", "slot", name,
			"remedy", standbySnapshot)
		s.d.Waits(fmt.Sprintf("The creation of slot %s waits for the primary to write down which transactions run. %s", name,
			standbySnapshot))
	}
	holders := s.holders()
	if len(holders) == 0 && !s.d.Server.InRecovery {
		s.d.Waits(
			fmt.Sprintf(
				"The creation of slot %s waits for PostgreSQL at %s, which has not answered, nor named an open transaction that it waits for.", name, s.d.Spec.Connection.Addresses()))
	}
	for _, h := range holders {
		s.d.Log.Warn("the creation of the slot waits for a transaction that is still open", "slot", name, "transaction",
			h.What, "since", h.Since, "remedy", h.Remedy)
		s.d.Waits(fmt.Sprintf("The creation of slot %s waits for the end of a %s. %s", name, h, h.Remedy))
	}
}

// KeepOnStandbys lets standbys keep the slot, as slot.failover says. If the server refuses, the
// capture goes on without.
func (s *Slot) KeepOnStandbys(ctx context.Context) {
	if !s.d.Spec.Slot.Failover || !s.d.Server.KeepsSlots() {
		return
	}
	repl, err := s.d.Connections.Replicate(ctx)
	if err == nil {
		defer repl.Close(context.WithoutCancel(ctx))
		err = s.d.Connections.Asking("have standbys keep slot "+s.d.Spec.Slot.Name,
			func() error { return repl.KeepOnStandbys(ctx, s.d.Spec.Slot.Name) })
	}
	if err != nil {
		s.d.Log.Warn(
			"the server does not let standbys keep the slot, so a promotion loses it. Set slot.failover=false to silence this.",
			"slot", s.d.Spec.Slot.Name, "err", err)
	}
}

// standbySnapshot lets a standby begin to decode the log; a primary that is busy does so by itself, now and then.
const standbySnapshot = "Run on the primary: SELECT pg_log_standby_snapshot();"

// holders lists the transactions that hold up the creation of a slot; none if the server does not say.
func (s *Slot) holders() []pgrepl.Holder {
	ctx, cancel := context.WithTimeout(context.Background(), connections.Question)
	defer cancel()
	conn, err := s.d.Spec.Connection.Connect(ctx)
	if err != nil {
		return nil
	}
	defer pgrepl.Disconnect(conn)
	all, err := pgrepl.Holders(ctx, conn, 0)
	if err != nil {
		return nil
	}
	return all
}

// DropAtEnd drops the slot if slot.drop.on.stop is set.
func (s *Slot) DropAtEnd(conn *pgx.Conn) error {
	if !s.d.Spec.Slot.DropOnStop {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for {
		err := s.Drop(ctx, conn)
		// The server's process that sent the stream may take a moment to notice that its connection is closed.
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != objectInUse ||
			!retry.Sleep(ctx, 50*time.Millisecond) {
			return err
		}
	}
}

// objectInUse is the SQLSTATE of an object that another process uses.
const objectInUse = "55006"

// Drop drops the slot.
func (s *Slot) Drop(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "SELECT pg_catalog.pg_drop_replication_slot($1)", s.d.Spec.Slot.Name); err != nil {
		return fmt.Errorf("drop replication slot %q: %w", s.d.Spec.Slot.Name, err)
	}
	return nil
}
