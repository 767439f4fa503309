package incremental

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/connections"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
	"github.com/calypso-cdc/calypso/services/capture/internal/notify"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/schemas"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// Deps are what incremental snapshots work with.
type Deps struct {
	Spec   *spec.Spec
	Events *debezium.Config
	Server pgrepl.Server
	Plugin spec.Plugin
	// Tables compiles the tables as the catalog describes them, which is how chunks are read; nobody
	// else uses this cache.
	Tables      *encode.Cache
	Buffer      *buffer.Buffer
	Connections *connections.Set
	Notifier    notify.Notifier
	// Kafka makes a client for the signal topic.
	Kafka func(...kgo.Opt) (*kgo.Client, error)
	// System is the server whose log the stream reads, Observer notes what its tables look like.
	System   pgrepl.System
	Observer schemas.Observer
	// Unprocessable decides about an event that cannot be encoded: nil leaves it out.
	Unprocessable func(table string, at pgrepl.LSN, err error) error
	// Status is told whether the signal topic can be read, Happened about signals that are ignored.
	Status   status.Observer
	Happened func(kind, detail string)
	Log      *slog.Logger
}

// Snapshots are the incremental snapshots of one stream.
type Snapshots struct {
	d             Deps
	stream        context.Context // ends with the stream
	chunks        Chunks
	progress      *progress.Incremental
	requests      chan Request
	notifications *debezium.NotificationEncoder
	// asked is the id of the chunk that was asked for and whose marks have not come through the stream
	// yet; empty if there is none.
	asked string
	// window is open between a chunk's marks.
	window *window

	mu    sync.Mutex
	ready *Chunk // guarded by mu: the chunk that was read last
}

// New makes the incremental snapshots of a stream, which ends with ctx, and asks for the first
// chunk if some are unfinished.
func New(ctx context.Context, d Deps, saved *progress.Incremental) *Snapshots {
	if saved == nil {
		saved = new(progress.Incremental)
	}
	n := &Snapshots{d: d, chunks: Chunks{Spec: d.Spec, Events: d.Events, Server: d.Server, Plugin: d.Plugin}, stream: ctx,
		progress: saved, requests: make(chan Request, 1), notifications: debezium.NewNotificationEncoder(d.Events)}
	n.next()
	return n
}

// Progress is how far they are, as of the last batch.
func (n *Snapshots) Progress() *progress.Incremental { return n.progress }

// next asks for the next chunk, if there is one to read and none is being read.
func (n *Snapshots) next() {
	p := n.progress
	if n.asked != "" || p.Paused || p.Idle() {
		return
	}
	n.asked = uuid.NewString()
	select {
	case <-n.requests: // one that was given up before it began
	default:
	}
	n.requests <- Request{p.Collections[0], n.asked, p.Last, p.Max}
}

// update replaces the progress, to become durable with the batch.
func (n *Snapshots) update(b *buffer.Batch, p progress.Incremental) {
	n.progress = &p
	b.Summary.Incremental = n.progress
}

// Changed takes a change of the stream: the row before and after it.
func (n *Snapshots) Changed(t *encode.Table, before, after pgmodel.Tuple) {
	if n.window != nil {
		n.window.note(t, before, after)
	}
}

// Truncated takes a change of the stream that emptied a table.
func (n *Snapshots) Truncated(t *encode.Table) {
	if n.window != nil {
		n.window.empty(t)
	}
}

// Marked takes a mark that came as a logical message. lastCommit is the end of the stream's last commit.
func (n *Snapshots) Marked(b *buffer.Batch, content []byte, lastCommit pgrepl.LSN) error {
	text := string(content)
	if id, ok := strings.CutSuffix(text, "-open"); ok {
		n.open(id)
		return nil
	}
	return n.close(b, strings.TrimSuffix(text, "-close"), lastCommit)
}

// open begins the window of the chunk that was asked for. Another id means nothing (doc.go).
func (n *Snapshots) open(id string) {
	if id == n.asked {
		n.window = newWindow(n.progress.Collections[0].Table.String())
	}
}

// close delivers the rows of the chunk that did not change in its window.
func (n *Snapshots) close(b *buffer.Batch, id string, lastCommit pgrepl.LSN) error {
	n.mu.Lock()
	c := n.ready
	n.mu.Unlock()
	if c == nil || c.id != id || n.window == nil || id != n.asked {
		return nil
	}
	w := n.window
	n.window, n.asked = nil, ""
	p := *n.progress
	table := p.Collections[0].Table.String()
	if c.err == nil && len(c.Lines) > 0 {
		if err := n.deliver(b, c, w, lastCommit); err != nil {
			return err
		}
		p = p.Read(len(c.Lines), c.Last, c.Max)
		if err := n.d.Notifier.Chunk(n.notifications, &b.Events, p); err != nil {
			return err
		}
	} else {
		if c.err != nil {
			n.d.Log.Error("an incremental snapshot left a table out", "table", table, "err", c.err)
		} else {
			n.d.Log.Info("an incremental snapshot finished a table", "table", table)
		}
		if err := n.d.Notifier.Scanned(n.notifications, &b.Events, p, c.end()); err != nil {
			return err
		}
		p = p.End(c.err)
	}
	n.update(b, p)
	n.next()
	return nil
}

// deliver adds the rows of a chunk that did not change in its window.
func (n *Snapshots) deliver(b *buffer.Batch, c *Chunk, w *window, lastCommit pgrepl.LSN) error {
	t, err := n.d.Tables.Of(c.rel)
	if err != nil {
		return err
	}
	var row pgmodel.Tuple
	at := pgrepl.Position{SystemID: n.d.System.ID, Timeline: n.d.System.Timeline, Commit: b.Summary.At.Commit,
		Ordinal: b.Summary.At.Ordinal}
	n.d.Observer.Chunk(b, t, history.Point{At: at, LSN: b.Summary.At.Commit, Time: time.Now().UTC()})
	for _, line := range c.Lines {
		if row, err = pgrepl.SplitCopyRow(row[:0], line); err != nil {
			return err
		}
		changed, err := w.has(t, row)
		if err != nil {
			return err
		}
		if changed {
			continue
		}
		now := time.Now()
		ev := debezium.Event{Op: debezium.Read, After: row, Now: now.UnixNano(), Source: debezium.Source{
			Snapshot: debezium.SnapshotIncremental, CommitTime: now.UnixMicro(), LSN: uint64(lastCommit),
			LastCommit: uint64(lastCommit)}}
		events, err := t.Append(&b.Events, &ev)
		if err != nil {
			if err := n.d.Unprocessable(t.Name, lastCommit, err); err != nil {
				return err
			}
			continue
		}
		b.Summary.Count(t.Name, int64(events), &ev)
	}
	return nil
}

// Run reads chunks as they are asked for, until ctx ends.
func (n *Snapshots) Run(ctx context.Context) error {
	var conn *connections.Conn
	defer func() { conn.Disconnect() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case req := <-n.requests:
			var err error
			if conn == nil {
				if conn, err = n.d.Connections.Dial(ctx, "begin an incremental snapshot"); err != nil {
					return err
				}
			}
			conn.Uses("read a chunk of table " + req.Table.String() + ", or take a watermark of it")
			if err := n.runChunk(ctx, conn.Conn, req); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return fmt.Errorf("incremental snapshot of table %s: %w", req.Table, err)
			}
		}
	}
}

// runChunk reads one chunk between its marks.
func (n *Snapshots) runChunk(ctx context.Context, conn *pgx.Conn, req Request) error {
	id, opened := req.id, time.Now()
	if err := n.chunks.mark(ctx, conn, id+"-open", opened, time.Time{}); err != nil {
		return err
	}
	c, err := n.chunks.read(ctx, conn, req)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && !pgrepl.Transient(pg) || errors.Is(err, ErrNotIncremental) {
		c, err = &Chunk{err: err}, nil
	}
	if err != nil {
		return err
	}
	c.id = id
	n.mu.Lock()
	n.ready = c
	n.mu.Unlock()
	return n.chunks.mark(ctx, conn, id+"-close", opened, time.Now())
}
