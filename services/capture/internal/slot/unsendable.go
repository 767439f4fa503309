package slot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// locateTime is the longest that finding the change at which a stream ended may take.
const locateTime = 30 * time.Second

// Unsendable explains the failure of a stream that ends at a change which the server cannot send as
// UTF-8; reading again does not get past it. The server names neither table nor row, so the stream
// is read once more without conversion, up to that change. If that does not find it, the server's
// own message has to do.
func (s *Slot) Unsendable(ctx context.Context, t Target, lsn pgrepl.LSN, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, locateTime)
	defer cancel()
	what := fmt.Sprintf("stream from slot %q", s.d.Spec.Slot.Name)
	if lsn != 0 {
		what += fmt.Sprintf(": the change at LSN %s", lsn)
	}
	past := "the end of its transaction"
	if at, err := s.locate(ctx, t, lsn); err != nil {
		s.d.Log.Info("the change that PostgreSQL cannot send was not found", "lsn", lsn.String(), "err", err)
	} else {
		what += " to " + at.row
		past = at.end.String()
	}
	return pgrepl.Inconvertible(cause, s.d.Server.Encoding, what,
		fmt.Sprintf(
			"Nothing after that change can be sent before it is skipped, nor can the row be read while it has the character. Change the character in the row, or leave the column out by column.exclude.list, "+
				"which spares snapshots; then, while the connector is stopped, SELECT pg_replication_slot_advance(%s, '%s'), resume with offset.mismatch.strategy=trust_slot, and send the tables of that transaction, whose other changes are passed over as well, again by an incremental snapshot.", pgrepl.QuoteLiteral(s.d.Spec.Slot.Name), past))
}

// located is a change of the stream: its row in words, and the end of its transaction.
type located struct {
	row string
	end pgrepl.LSN
}

// errLocated ends the reading when the change was found.
var errLocated = errors.New("the change was found")

// locate reads the stream as far as the end of the transaction with a change at an LSN, confirming nothing.
func (s *Slot) locate(ctx context.Context, t Target, lsn pgrepl.LSN) (at located, err error) {
	conn, err := s.d.Spec.Connection.Connect(ctx)
	if err != nil {
		return at, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	decoder, spool, err := s.decoder(t, pgrepl.Position{})
	if err != nil {
		return at, err
	}
	defer spool.Close()
	repl, stream, err := s.rawStream(ctx, decoder.PluginArgs())
	if err != nil {
		return at, err
	}
	defer repl.Close(context.WithoutCancel(ctx))
	defer stream.Close()
	stream.Run(s.statusTimes())
	defer context.AfterFunc(ctx, stream.Interrupt)()
	take := func(m *pgrepl.Message) error {
		switch {
		case m.Kind == pgrepl.Commit && at.row != "":
			at.end = m.EndLSN
			return errLocated
		case m.Relation == nil || m.LSN != lsn || at.row != "":
			return nil
		}
		at.row = s.unsendableRow(ctx, conn, m)
		return nil
	}
	var f pgrepl.Frame
	for {
		if err = stream.Next(&f); err == nil && f.Data != nil {
			err = decoder.Decode(&f, take)
		}
		switch {
		case errors.Is(err, errLocated):
			return at, nil
		case err != nil:
			return at, err
		}
	}
}

// rawStream opens the slot's stream with texts in the database's encoding, as soon as the server
// has let go of the one that ended.
func (s *Slot) rawStream(ctx context.Context, pluginArgs []string) (*pgrepl.Session, *pgrepl.Stream, error) {
	for {
		repl, err := pgrepl.OpenSession(ctx, s.d.Spec.Connection)
		if err != nil {
			return nil, nil, err
		}
		if err = repl.Raw(ctx); err == nil {
			var stream *pgrepl.Stream
			if stream, err = repl.Start(ctx, s.d.Spec.Slot.Name, 0, pluginArgs); err == nil {
				return repl, stream, nil
			}
		}
		repl.Close(context.WithoutCancel(ctx))
		if pgrepl.ReasonOf(err) != pgrepl.ReasonSlotInUse || !retry.Sleep(ctx, 50*time.Millisecond) {
			return nil, nil, err
		}
	}
}

// unsendableRow names the table, row and column of a text that the server cannot convert, which it
// finds by having conn convert each text of the change. It is empty if all can be converted:
// several changes of a transaction may share an LSN.
func (s *Slot) unsendableRow(ctx context.Context, conn *pgx.Conn, m *pgrepl.Message) string {
	rel := m.Relation
	for _, row := range []pgmodel.Tuple{m.New, m.Old} {
		for i := range row {
			if row[i].Kind != pgmodel.Text || i >= len(rel.Columns) {
				continue
			}
			var converted []byte
			err := conn.QueryRow(ctx, "SELECT pg_catalog.convert($1::bytea, $2, 'UTF8')", row[i].Data,
				s.d.Server.Encoding).Scan(&converted)
			if _, is := pgrepl.UnsendableAt(err); is {
				return fmt.Sprintf("table %s.%s, row %s, column %s", rel.Schema, rel.Name, encode.RowText(rel, row),
					rel.Columns[i].Name)
			}
		}
	}
	return ""
}
