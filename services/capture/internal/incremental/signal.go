package incremental

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/notify"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
)

// Signal is a request: a row of the signal table, a record of the signal topic, or a call.
type Signal struct {
	ID   string
	Kind Kind
	Data string
}

// Kind is the type of a signal, as Debezium names it.
type Kind string

const (
	Execute Kind = "execute-snapshot"
	Stop    Kind = "stop-snapshot"
	Pause   Kind = "pause-snapshot"
	Resume  Kind = "resume-snapshot"
	// message writes to the log.
	message Kind = "log"
	// windowOpen and windowClose are the types of rows of the signal table that are marks.
	windowOpen  Kind = "snapshot-window-open"
	windowClose Kind = "snapshot-window-close"
)

// SignalData is the data of a signal.
type SignalData struct {
	Collections  []string    `json:"data-collections,omitempty"`
	Type         string      `json:"type,omitempty"`
	Condition    string      `json:"additional-condition,omitempty"`
	Conditions   []Condition `json:"additional-conditions,omitempty"`
	SurrogateKey string      `json:"surrogate-key,omitempty"`
	Message      string      `json:"message,omitempty"`
}

// Condition narrows the rows of a table.
type Condition struct {
	Collection string `json:"data-collection"`
	Filter     string `json:"filter"`
	// of is the expression of Collection. Unlike those of data-collections it ignores case.
	of *javaregex.Pattern
}

// Mistakes in signals. A row or record with one is logged and ignored: it must not stop the
// capture.
var (
	ErrSignalInvalid = errors.New("the signal cannot be read")
	ErrNoMarks       = errors.New(
		"an incremental snapshot needs signal.data.collection, or logical messages (PostgreSQL 14)")
	ErrNoCollection = errors.New("the signal names no captured table")
)

func mistaken(err error) bool {
	return errors.Is(err, ErrSignalInvalid) || errors.Is(err, ErrNoMarks) || errors.Is(err, ErrNoCollection)
}

// Row takes a change of the signal table. lastCommit is the end of the stream's last commit.
func (n *Snapshots) Row(b *buffer.Batch, m *pgrepl.Message, lastCommit pgrepl.LSN) error {
	row := m.New
	if m.Kind == pgrepl.Delete {
		row = m.Old
	}
	if m.Kind == pgrepl.Update || len(row) < 1 || row[0].Kind != pgmodel.Text {
		return nil
	}
	s := Signal{ID: string(row[0].Data)}
	if id, ok := strings.CutSuffix(s.ID, "-open"); ok && m.Kind == pgrepl.Delete {
		return n.close(b, id, lastCommit)
	}
	if m.Kind != pgrepl.Insert || len(row) < 3 {
		return nil
	}
	switch s.Kind, s.Data = Kind(row[1].Data), string(row[2].Data); s.Kind {
	case windowOpen:
		n.open(strings.TrimSuffix(s.ID, "-open"))
		return nil
	case windowClose:
		return n.close(b, strings.TrimSuffix(s.ID, "-close"), lastCommit)
	}
	return n.obey(b, s)
}

// obey acts on a signal of the stream or the signal topic.
func (n *Snapshots) obey(b *buffer.Batch, s Signal) error {
	a, err := n.plan(n.stream, s)
	if mistaken(err) {
		n.d.Log.Error("a signal is left out", "signal", s.ID, "type", string(s.Kind), "err", err)
		n.d.Happened("SignalLeftOut", fmt.Sprintf("signal %q of type %q: %v", s.ID, s.Kind, err))
		return nil
	}
	if err != nil {
		return err
	}
	if a.Kind == Pause && n.progress.Idle() {
		n.d.Log.Info("a signal to pause has no effect, since no incremental snapshot is under way", "signal", a.ID)
		return nil // as in Debezium; a call also pauses what is asked for later
	}
	return n.enact(b, a)
}

// snapshotAction is a signal with its tables found.
type snapshotAction struct {
	Signal
	SignalData
	found   []progress.Collection // to read
	dropped javaregex.List        // not to read; all if the signal names none
}

// plan reads a signal and finds its tables. The caller need not hold the buffer's lock.
func (n *Snapshots) plan(ctx context.Context, s Signal) (a snapshotAction, err error) {
	a.Signal = s
	if s.Data != "" {
		if err := json.Unmarshal([]byte(s.Data), &a.SignalData); err != nil {
			return a, fmt.Errorf("%w: its data is not JSON: %w", ErrSignalInvalid, err)
		}
	}
	switch s.Kind {
	case Execute:
		for i := range a.Conditions {
			if err := a.Conditions[i].read(); err != nil {
				return a, err
			}
		}
		if !isSnapshotType(a.Type) {
			return a, fmt.Errorf("%w: %q is no type of snapshot: incremental and blocking are", ErrSignalInvalid, a.Type)
		}
		if !CanMark(n.d.Spec, n.d.Server, n.d.Plugin) {
			return a, ErrNoMarks
		}
		if a.found, err = n.collections(ctx, a.SignalData); err == nil && len(a.found) == 0 {
			err = fmt.Errorf("%w (data-collections %q; table.include.list says which are captured)",
				ErrNoCollection, a.Collections)
		}
	case Stop:
		a.dropped, err = patternsOf(a.Collections)
	case Pause, Resume, message:
	default:
		err = fmt.Errorf("%w: type %q is unknown", ErrSignalInvalid, s.Kind)
	}
	return a, err
}

// read compiles the expression of a condition. A condition without a filter is a mistake: it does
// not mean all rows.
func (c *Condition) read() (err error) {
	if c.Filter == "" {
		return fmt.Errorf("%w: the additional condition of %q has no filter", ErrSignalInvalid, c.Collection)
	}
	if c.of, err = javaregex.CompileFold(c.Collection); err != nil {
		return fmt.Errorf("%w: additional-conditions: %q is not a regular expression: %w", ErrSignalInvalid,
			c.Collection, err)
	}
	return nil
}

// isSnapshotType reports whether snapshots of a type can be asked for; the empty one is incremental.
func isSnapshotType(name string) bool {
	return name == "" || strings.EqualFold(name, "incremental") || strings.EqualFold(name, "blocking")
}

// enact does what a planned signal asks for. The caller holds the buffer's lock.
func (n *Snapshots) enact(b *buffer.Batch, a snapshotAction) error {
	p := *n.progress
	var told error
	switch a.Kind {
	case Execute:
		if strings.EqualFold(a.Type, "blocking") {
			n.d.Log.Warn(
				"a blocking snapshot was asked for: the tables are read while the stream goes on, which has the same result",
				"signal", a.ID)
		}
		begins := p.Idle()
		if p = p.Ask(a.ID, a.found); begins {
			told = n.tell(b, p, notify.Started, "data_collections", p.Names())
		}
		n.d.Log.Info("an incremental snapshot begins", "signal", a.ID, "tables", len(a.found))
	case Stop:
		next, stopped := p.Stop(func(t pgrepl.Table) bool { return len(a.Collections) == 0 || a.dropped.Match(t.String()) })
		if len(stopped) > 0 && stopped[0] == p.Collections[0].Table.String() {
			// a chunk under way is given up when its close mark comes
			n.window, n.asked = nil, ""
		}
		p = next
		switch {
		case len(stopped) > 0 && len(a.Collections) > 0:
			told = n.tell(b, p, notify.Aborted, "data_collections", strings.Join(stopped, ","))
		case len(stopped) > 0:
			told = n.tell(b, p, notify.Aborted)
		}
	case Pause:
		if !p.Paused && !p.Idle() {
			told = n.tell(b, p, notify.Paused, "data_collections", p.Names())
		}
		p.Paused = true
	case Resume:
		if p.Paused && !p.Idle() {
			told = n.tell(b, p, notify.Resumed, "data_collections", p.Names())
		}
		p.Paused = false
	case message:
		n.d.Log.Info(strings.ReplaceAll(a.Message, "{}", b.Summary.At.String()), "signal", a.ID)
		return nil
	}
	n.update(b, p)
	n.next()
	return told
}

// Request acts on a signal that came as a call, and returns the progress with it once that is durable.
func (n *Snapshots) Request(ctx context.Context, s Signal) (*progress.Incremental, error) {
	a, err := n.plan(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := n.checkAsked(ctx, a.found); err != nil {
		return nil, err
	}
	durable := make(chan struct{})
	b := n.d.Buffer.Fill()
	if b == nil {
		n.d.Buffer.Unlock()
		return nil, buffer.ErrClosed
	}
	if err := n.enact(b, a); err != nil {
		n.d.Buffer.Unlock()
		return nil, err
	}
	b.Due, b.Summary.Awaited = true, append(b.Summary.Awaited, durable)
	p := n.progress
	n.d.Buffer.Unlock()
	select {
	case <-durable:
		return p, nil
	case <-n.stream.Done():
		return nil, buffer.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// checkAsked refuses what cannot be read in chunks: tables without a usable key, and conditions and
// surrogate keys that their tables do not take. A caller can be told at once, unlike the writer of
// a signal, whose table ends as failed.
func (n *Snapshots) checkAsked(ctx context.Context, found []progress.Collection) error {
	if len(found) == 0 {
		return nil
	}
	conn, err := n.d.Spec.Connection.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, c := range found {
		rel, key, err := n.chunks.resolve(ctx, conn, c)
		if err == nil {
			err = checkOrder(ctx, conn, c, rel, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// patternsOf compiles the names of a signal. Unlike those of the configuration's lists they are
// case-sensitive.
func patternsOf(names []string) (javaregex.List, error) {
	var out javaregex.List
	for _, name := range names {
		p, err := javaregex.Compile(strings.TrimSpace(name))
		if err != nil {
			return nil, fmt.Errorf("%w: data-collections: %q is not a regular expression: %w", ErrSignalInvalid, name, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// collections finds the captured tables that a signal names by regular expressions, each once, in the signal's order.
func (n *Snapshots) collections(ctx context.Context, d SignalData) ([]progress.Collection, error) {
	// The session's connection belongs to the decoder; signals are rare enough for one of their own.
	conn, err := n.d.Spec.Connection.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	catalog := pgrepl.NewCatalog(ctx, pgrepl.Query(conn), n.d.Spec.Tables.Captured)
	var out []progress.Collection
	for _, name := range d.Collections {
		p, err := patternsOf([]string{name})
		if err != nil {
			return nil, err
		}
		found, err := catalog.Find(func(t pgrepl.Table) bool {
			named := slices.ContainsFunc(out, func(c progress.Collection) bool { return c.Table == t })
			return n.d.Spec.Tables.Captured(t) && p.Match(t.String()) && !named
		})
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			c := progress.Collection{Table: t.Table, Filter: d.Condition, Key: d.SurrogateKey, Estimate: t.RowEstimate}
			if i := slices.IndexFunc(d.Conditions, func(cond Condition) bool { return cond.of.Matches(t.String()) }); i >= 0 {
				c.Filter = d.Conditions[i].Filter
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// tell sends a notification about the incremental snapshots, whose progress is p.
func (n *Snapshots) tell(b *buffer.Batch, p progress.Incremental, kind notify.Kind, pairs ...string) error {
	return n.d.Notifier.Incremental(n.notifications, &b.Events, p, kind, pairs...)
}
