package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// signal is what asks for something: a row of the signal table, a record of the signal topic or a call.
type signal struct {
	id, kind string
	data     string
}

// Kinds of signals about incremental snapshots, as Debezium names them.
const (
	executeSnapshot = "execute-snapshot"
	stopSnapshot    = "stop-snapshot"
	pauseSnapshot   = "pause-snapshot"
	resumeSnapshot  = "resume-snapshot"
)

// signalData is the data of a snapshot signal.
type signalData struct {
	Collections  []string          `json:"data-collections,omitempty"`
	Type         string            `json:"type,omitempty"`
	Condition    string            `json:"additional-condition,omitempty"`
	Conditions   []signalCondition `json:"additional-conditions,omitempty"`
	SurrogateKey string            `json:"surrogate-key,omitempty"`
	Message      string            `json:"message,omitempty"`
}

// signalCondition narrows the rows of a table.
type signalCondition struct {
	Collection string `json:"data-collection"`
	Filter     string `json:"filter"`
	// of is Collection's expression, which unlike those of data-collections takes no account of case.
	of *javaregex.Pattern
}

// Mistakes in signals. A row or record that makes one is logged and left out: it must not stop the capture.
var (
	errSignalInvalid = errors.New("the signal cannot be read")
	errNoMarks       = errors.New("an incremental snapshot needs signal.data.collection, or logical messages (PostgreSQL 14)")
	errNoCollection  = errors.New("the signal names no captured table")
)

func mistaken(err error) bool {
	return errors.Is(err, errSignalInvalid) || errors.Is(err, errNoMarks) || errors.Is(err, errNoCollection)
}

// signalRow takes a change of the signal table.
func (r *reader) signalRow(b *batch, m *pgrepl.Message) error {
	row := m.New
	if m.Kind == pgrepl.Delete {
		row = m.Old
	}
	if m.Kind == pgrepl.Update || len(row) < 1 || row[0].Kind != change.Text {
		return nil
	}
	s := signal{id: string(row[0].Data)}
	if id, ok := strings.CutSuffix(s.id, "-open"); ok && m.Kind == pgrepl.Delete {
		return r.closeWindow(b, id)
	}
	if m.Kind != pgrepl.Insert || len(row) < 3 {
		return nil
	}
	s.kind, s.data = string(row[1].Data), string(row[2].Data)
	return r.signal(b, s)
}

// signal acts on a signal of the stream or the signal topic.
func (r *reader) signal(b *batch, s signal) error {
	switch s.kind {
	case "snapshot-window-open":
		r.incremental.open(strings.TrimSuffix(s.id, "-open"))
		return nil
	case "snapshot-window-close":
		return r.closeWindow(b, strings.TrimSuffix(s.id, "-close"))
	}
	a, err := r.plan(r.ctx, s)
	if mistaken(err) {
		r.env.Logger.Error("A signal is left out", "signal", s.id, "type", s.kind, "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	if a.kind == pauseSnapshot && len(r.incremental.progress.Collections) == 0 {
		r.env.Logger.Info("A signal to pause has no effect, since no incremental snapshot is under way", "signal", a.id)
		return nil // as with Debezium; a call pauses what is asked for later, too
	}
	return r.enact(b, a)
}

// snapshotAction is a signal with its tables found.
type snapshotAction struct {
	signal
	signalData
	found   []collection   // to read
	dropped javaregex.List // not to read; all if the signal names none
}

// plan reads a signal and finds its tables. It needs no lock.
func (r *reader) plan(ctx context.Context, s signal) (a snapshotAction, err error) {
	a.signal = s
	if s.data != "" {
		if err := json.Unmarshal([]byte(s.data), &a.signalData); err != nil {
			return a, fmt.Errorf("%w: its data is not JSON: %w", errSignalInvalid, err)
		}
	}
	switch s.kind {
	case executeSnapshot:
		for i := range a.Conditions {
			if err := a.Conditions[i].read(); err != nil {
				return a, err
			}
		}
		if !isSnapshotType(a.Type) {
			return a, fmt.Errorf("%w: %q is no type of snapshot: incremental and blocking are", errSignalInvalid, a.Type)
		}
		if !r.marks() {
			return a, errNoMarks
		}
		if a.found, err = r.collections(ctx, a.signalData); err == nil && len(a.found) == 0 {
			err = fmt.Errorf("%w (data-collections %q; table.include.list says which are captured)", errNoCollection, a.Collections)
		}
	case stopSnapshot:
		a.dropped, err = patternsOf(a.Collections)
	case pauseSnapshot, resumeSnapshot, "log":
	default:
		err = fmt.Errorf("%w: type %q is unknown", errSignalInvalid, s.kind)
	}
	return a, err
}

// read compiles the expression of a condition. Without a filter it is none, and not one that all rows fulfil.
func (c *signalCondition) read() (err error) {
	if c.Filter == "" {
		return fmt.Errorf("%w: the additional condition of %q has no filter", errSignalInvalid, c.Collection)
	}
	if c.of, err = javaregex.CompileFold(c.Collection); err != nil {
		return fmt.Errorf("%w: additional-conditions: %q is not a regular expression: %w", errSignalInvalid, c.Collection, err)
	}
	return nil
}

// isSnapshotType says whether snapshots of a type can be asked for; the empty one is incremental.
func isSnapshotType(name string) bool {
	return name == "" || strings.EqualFold(name, "incremental") || strings.EqualFold(name, "blocking")
}

// enact does what a planned signal asks for. The caller holds the stage's lock.
func (r *reader) enact(b *batch, a snapshotAction) error {
	n := r.incremental
	p := *n.progress
	var told error
	switch a.kind {
	case executeSnapshot:
		if strings.EqualFold(a.Type, "blocking") {
			r.env.Logger.Warn("A blocking snapshot was asked for: the tables are read while the stream goes on, which has the same result", "signal", a.id)
		}
		if len(p.Collections) == 0 {
			p.ended = nil
		}
		begins := len(p.Collections) == 0
		p.Collections, p.Signal = append(slices.Clone(p.Collections), a.found...), a.id
		if begins {
			told = r.tell(b, &p, notifyStarted, "data_collections", p.collections())
		}
		r.env.Logger.Info("An incremental snapshot begins", "signal", a.id, "tables", len(a.found))
	case stopSnapshot:
		var stopped []string
		for i := len(p.Collections) - 1; i >= 0; i-- {
			if len(a.Collections) > 0 && !a.dropped.Match(p.Collections[i].Table.String()) {
				continue
			}
			stopped = append([]string{p.Collections[i].Table.String()}, stopped...)
			p.end(i, true, nil)
			if i == 0 { // a chunk under way is given up when its close mark comes
				n.window, n.asked = nil, ""
			}
		}
		switch {
		case len(stopped) > 0 && len(a.Collections) > 0:
			told = r.tell(b, &p, notifyAborted, "data_collections", strings.Join(stopped, ","))
		case len(stopped) > 0:
			told = r.tell(b, &p, notifyAborted)
		}
	case pauseSnapshot:
		if !p.Paused && len(p.Collections) > 0 {
			told = r.tell(b, &p, notifyPaused, "data_collections", p.collections())
		}
		p.Paused = true
	case resumeSnapshot:
		if p.Paused && len(p.Collections) > 0 {
			told = r.tell(b, &p, notifyResumed, "data_collections", p.collections())
		}
		p.Paused = false
	case "log":
		r.env.Logger.Info(strings.ReplaceAll(a.Message, "{}", b.at.String()), "signal", a.id)
		return nil
	}
	n.update(b, p)
	n.next()
	return told
}

// request acts on a signal that came as a call, and returns the progress with it once that is durable.
func (r *reader) request(ctx context.Context, s signal) (*incrementalProgress, error) {
	a, err := r.plan(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := r.checkAsked(ctx, a.found); err != nil {
		return nil, err
	}
	durable := make(chan struct{})
	b := r.stage.fill()
	if b == nil {
		r.stage.unlock()
		return nil, errStopped
	}
	if err := r.enact(b, a); err != nil {
		r.stage.unlock()
		return nil, err
	}
	b.due, b.awaited = true, append(b.awaited, durable)
	p := r.incremental.progress
	r.stage.unlock()
	select {
	case <-durable:
		return p, nil
	case <-r.ctx.Done():
		return nil, errStopped
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// checkAsked refuses what cannot be read in chunks: tables without a usable key, and conditions and surrogate keys that their tables do
// not take. Who calls can be told at once, unlike who writes a signal, whose table ends as failed.
func (r *reader) checkAsked(ctx context.Context, found []collection) error {
	if len(found) == 0 {
		return nil
	}
	conn, err := r.spec.Connection.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, c := range found {
		rel, key, err := r.resolve(ctx, conn, &c)
		if err == nil {
			err = c.checkOrder(ctx, conn, rel, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// patternsOf compiles names of a signal, which unlike those of the configuration's lists take account of case.
func patternsOf(names []string) (javaregex.List, error) {
	var out javaregex.List
	for _, name := range names {
		p, err := javaregex.Compile(strings.TrimSpace(name))
		if err != nil {
			return nil, fmt.Errorf("%w: data-collections: %q is not a regular expression: %w", errSignalInvalid, name, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// collections finds the captured tables that a signal names by regular expressions, each once, in the signal's order.
func (r *reader) collections(ctx context.Context, d signalData) ([]collection, error) {
	// The session's connection belongs to the decoder; signals are rare enough for one of their own.
	conn, err := r.spec.Connection.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	catalog := pgrepl.NewCatalog(ctx, pgrepl.Query(conn), r.spec.Tables.Captured)
	var out []collection
	for _, name := range d.Collections {
		p, err := patternsOf([]string{name})
		if err != nil {
			return nil, err
		}
		found, err := catalog.Find(func(t pgrepl.Table) bool {
			named := slices.ContainsFunc(out, func(c collection) bool { return c.Table == t })
			return r.spec.Tables.Captured(t) && p.Match(t.String()) && !named
		})
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			c := collection{Table: t.Table, Filter: d.Condition, Key: d.SurrogateKey, Estimate: t.RowEstimate}
			if i := slices.IndexFunc(d.Conditions, func(cond signalCondition) bool { return cond.of.Matches(t.String()) }); i >= 0 {
				c.Filter = d.Conditions[i].Filter
			}
			out = append(out, c)
		}
	}
	return out, nil
}
