package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/connections"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
	"github.com/calypso-cdc/calypso/services/capture/internal/notify"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/writer"
)

// Deps are what a snapshot works with.
type Deps struct {
	Spec   *spec.Spec
	Events *debezium.Config
	Server pgrepl.Server
	// Relations are the tables as the catalog has them, by oid; Rules make their encoders.
	Relations   map[uint32]*pgmodel.Relation
	Rules       encode.Rules
	Connections *connections.Set
	Notifier    notify.Notifier
	Writer      *writer.Writer
	Progress    *progress.Progress
	Fail        *failpoint.Set
}

// Exported is a snapshot that a connection exported.
type Exported struct {
	Name string
	// Source is the part of the events' source block that all rows have.
	Source debezium.Source
	// Release ends the exporting transaction, once every worker has imported the snapshot.
	Release func()
}

// Snapshot reads the tables of a queue.
type Snapshot struct {
	d     Deps
	from  Exported
	queue *Queue
	// versions are new ones of the tables, which go with the first batch.
	versions []buffer.Version

	free   chan *rowBatch
	filled chan *rowBatch
}

// New makes the reading of a queue's tables. versions go with the first batch.
func New(d Deps, from Exported, queue *Queue, versions []buffer.Version) *Snapshot {
	return &Snapshot{d: d, from: from, queue: queue, versions: versions}
}

// rowBatch is a batch of rows with the advances that they make.
type rowBatch struct {
	batch buffer.Batch
	steps []step
}

func (b *rowBatch) reset() {
	b.batch.Reset()
	clear(b.steps)
	b.steps = b.steps[:0]
}

// step is an advance of the snapshot that a batch's records make.
type step struct {
	table string
	r     pageRange
	at    string // ctid of the last row; empty if none was read
	done  bool
	rows  int64
}

// stopGrace is how long a batch that is being delivered may take after the task is told to stop.
const stopGrace = 10 * time.Second

// Run reads everything and returns when all of it is durable.
func (n *Snapshot) Run(ctx context.Context) error {
	if err := n.begins(ctx); err != nil {
		return err
	}
	if len(n.queue.tables) == 0 {
		n.from.Release()
		return nil
	}
	threads := n.d.Spec.Snapshot.Threads
	n.free, n.filled = make(chan *rowBatch, threads+1), make(chan *rowBatch, threads+1)
	for range threads + 1 {
		n.free <- new(rowBatch)
	}
	g, gctx := contain.WithContext(ctx)
	readers := contain.NewGroup()
	imported := make(chan struct{}, threads)
	for range threads {
		readers.Go("reader of a snapshot", func() error { return n.work(gctx, imported) })
	}
	g.Go("end of a snapshot", func() error {
		defer close(n.filled)
		return readers.Wait()
	})
	g.Go("holder of an exported snapshot", func() error {
		// When every worker has imported it, the exported snapshot is no longer needed.
		for range threads {
			select {
			case <-imported:
			case <-gctx.Done():
				return nil
			}
		}
		n.from.Release()
		return nil
	})
	// Batches that were read before a failure are still written: one that is given up would come
	// again.
	finish, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(gctx, func() { time.AfterFunc(stopGrace, cancel) })()
	g.Go("deliverer of a snapshot", func() error { return n.deliverFilled(finish) })
	return g.Wait()
}

// begins sends the notification that the snapshot begins.
func (n *Snapshot) begins(ctx context.Context) error {
	b := new(buffer.Batch)
	if err := n.d.Notifier.Initial(debezium.NewNotificationEncoder(n.d.Events), &b.Events, notify.Started); err != nil ||
		len(b.Events.Records) == 0 {
		return err
	}
	return n.d.Writer.Save(ctx, b, n.d.Progress.Checkpoint())
}

// deliverFilled makes the workers' batches, and the progress they make, durable.
func (n *Snapshot) deliverFilled(ctx context.Context) error {
	for {
		var b *rowBatch
		select {
		case b = <-n.filled:
		case <-ctx.Done():
			return ctx.Err()
		}
		if b == nil { // closed
			return nil
		}
		b.batch.Summary.Versions, n.versions = append(b.batch.Summary.Versions, n.versions...), nil
		for _, s := range b.steps {
			b.batch.Summary.Reads = append(b.batch.Summary.Reads, buffer.Read{Table: s.table, Rows: s.rows, Done: s.done})
		}
		next := n.d.Progress.Rows(n.queue.apply(n.d.Progress.Checkpoint().Snapshot, b.steps))
		durable, err := n.d.Writer.Write(ctx, &b.batch, next, writer.ForRows, func() (more bool) {
			b.reset()
			n.free <- b
			return len(n.filled) > 0
		})
		if err != nil {
			return err
		}
		if durable {
			n.d.Fail.Pass("mid_snapshot")
			n.d.Writer.Settle(ctx)
		}
	}
}

// errGone means that the session that exported the snapshot ended before every worker had imported
// it; the next one exports another.
const errGone = retry.Passing("the exporting connection may have ended")

// errTableChanged means that a table is no longer as the session found it; the next session looks
// again.
const errTableChanged = retry.Passing(
	"the table, or one that inherits from it, was dropped or altered while the snapshot read it")

// changedMeanwhile adds errTableChanged to an error about a table or column that does not exist,
// since the session had found it.
func changedMeanwhile(err error) error {
	const undefinedTable, undefinedColumn = "42P01", "42703"
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == undefinedTable || pg.Code == undefinedColumn) {
		return fmt.Errorf("%w; %w", err, errTableChanged)
	}
	return err
}

// inOrder makes the server return a table's rows in the order of their ctids, which a snapshot goes
// on from: by default a scan of a large table begins where another one is, or stopped, and wraps
// around at the table's end (synchronize_seqscans), and parallel workers' rows come in any order.
const inOrder = "SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0; "

// Import makes the connection see the database as the exported snapshot does, and read tables in
// the order of their pages.
func Import(ctx context.Context, conn *pgx.Conn, name string) error {
	_, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "+pgrepl.TextSettings+inOrder)
	if err == nil {
		_, err = conn.Exec(ctx, "SET TRANSACTION SNAPSHOT "+pgrepl.QuoteLiteral(name))
	}
	if err != nil {
		return fmt.Errorf("import snapshot %s: %w; %w", name, err, errGone)
	}
	return nil
}

// Look returns what the events of all rows of a snapshot have in common, and the snapshot's xmin.
func Look(ctx context.Context, conns *connections.Set, name string) (debezium.Source, uint64, error) {
	conn, err := conns.Dial(ctx, "look at a snapshot")
	if err != nil {
		return debezium.Source{}, 0, err
	}
	defer conn.Disconnect()
	if err := Import(ctx, conn.Conn, name); err != nil {
		return debezium.Source{}, 0, err
	}
	var now time.Time
	var xmin, xmax int64
	if err := conn.QueryRow(ctx,
		"SELECT now(), txid_snapshot_xmin(txid_current_snapshot()), txid_snapshot_xmax(txid_current_snapshot())").Scan(&now,
		&xmin, &xmax); err != nil {
		return debezium.Source{}, 0, fmt.Errorf("look at snapshot %s: %w", name, err)
	}
	return debezium.Source{CommitTime: now.UnixMicro(), TxID: uint64(uint32(xmax)), HasTx: true}, uint64(xmin), nil
}
