package deadletter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/services/sink/internal/ingest"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// Reasons of errors about dead letters, for google.rpc.ErrorInfo.
const (
	ReasonNoTopic    = "NO_DEAD_LETTER_TOPIC"
	ReasonUnusable   = "CONNECTOR_UNUSABLE"
	ReasonUnread     = "DEAD_LETTERS_UNREADABLE"
	ReasonUnfinished = "REPLAY_UNFINISHED"
)

// Error is why dead letters cannot be read or ingested.
type Error struct {
	// Reason is one of the reasons.
	Reason string
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Lasts reports whether the user must end what err describes, since waiting does not.
func Lasts(err error) bool { return retry.IsPermanent(err) }

// Queue is what it takes to read and ingest dead letters, on whichever worker is asked.
type Queue struct {
	Env        connector.TaskEnv
	s          *spec.Spec
	failpoints *failpoint.Set
	client     *kusto.Client
	retry      *retry.Retrier
	tables     *target.Tables
	ingest     *ingest.Ingester
	Topic      *topicClient
	// beside is what no letter waits for.
	beside contain.Waiting
	// probed is set once it is known how the cluster takes rows.
	probed bool
}

func (q *Queue) Close() {
	q.beside.Wait()
	q.Topic.Close()
	_ = q.client.Close() // nothing was left in it
}

// Tools are what a worker's parts share.
type Tools struct {
	Memory     *memory.Process
	Meters     *status.Meters
	Tracer     trace.Tracer
	Failpoints *failpoint.Set
}

// Open connects to a connector's dead letters and to its cluster.
func Open(ctx context.Context, env connector.TaskEnv, s *spec.Spec, with Tools) (_ *Queue, err error) {
	q := &Queue{Env: env, s: s, failpoints: with.Failpoints}
	if q.client, err = kusto.New(s.Kusto); err != nil {
		return nil, &Error{ReasonUnusable, retry.Permanent(err)}
	}
	failed := func(err error) { env.Logger.Error("what was done beside dead letters has failed", "err", err) }
	held := memory.NewShare(with.Memory)
	told := status.NewTask(env, held, s.Guarantee())
	q.retry = retry.New(told.Troubles, s.RetryLimit, s.MaxBackoff, env.Retrying, failed)
	q.tables = target.New(target.Cluster{
		Ctx: ctx, Env: env, Spec: s, Client: q.client, Retry: q.retry, Status: told, Memory: held, Meters: with.Meters,
		Beside: func(name string, work func()) { q.beside.Go(name, work, failed) },
	})
	q.ingest = &ingest.Ingester{
		Env: env, Spec: s, Client: q.client, Retry: q.retry, Memory: held, Meters: with.Meters, Tracer: with.Tracer,
		Failpoints: with.Failpoints,
		TopicID:    func(string) string { return "" }, // replays have tags of their own
		SetAside: func(context.Context, []batch.Refused) error {
			return errors.New("a record that is replayed is refused again and not set aside")
		},
	}
	if q.Topic, err = openTopic(ctx, env, s, q.retry); err != nil {
		return nil, &Error{ReasonUnread, errors.Join(err, q.client.Close())}
	}
	return q, nil
}

// Count is how many letters are of a class.
type Count struct {
	Class   Class
	Letters int64
}

// CountByClass gives the number of letters of each class.
func CountByClass(found []Letter) (counts []Count) {
	for _, one := range found {
		i := slices.IndexFunc(counts, func(c Count) bool { return c.Class == one.Rejection.Class })
		if i < 0 {
			i, counts = len(counts), append(counts, Count{Class: one.Rejection.Class})
		}
		counts[i].Letters++
	}
	return counts
}

// Edit is a value to be brought into the table in place of a letter's own.
type Edit struct {
	ID string
	// Value is as the connector's value converter reads it.
	Value []byte
}

// FieldError says that a caller's value, of a field of an edit or a filter, is not acceptable.
type FieldError struct{ Field, Message string }

func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// Edit replaces the letters' values by the caller's, after checking that each makes a row.
func (q *Queue) Edit(ctx context.Context, found []Letter, edits []Edit) error {
	for i, e := range edits {
		at := slices.IndexFunc(found, func(one Letter) bool {
			return one.ID == e.ID || slices.Contains(one.copies, e.ID)
		})
		switch {
		case at < 0:
			return invalid(i, "id", fmt.Sprintf("letter %q is not among those that are chosen", e.ID))
		case found[at].edited:
			return invalid(i, "id", fmt.Sprintf("letter %q is given two values", e.ID))
		case len(e.Value) == 0:
			return invalid(i, "value", "the value is empty; discard the letter if no row is to be made of it")
		}
		one := &found[at]
		changed := *one.Record
		changed.Value = e.Value
		to, err := q.target(ctx, changed.Topic)
		if err != nil {
			return &Error{ReasonUnusable, err}
		}
		b := &batch.Batch{}
		err = b.Add(row.NewEncoder(q.s.NewRows(to.Route), to.Rows()), &changed, nil)
		if err == nil && b.Rows == 0 {
			err = errors.New("it makes no row: a tombstone, or a delete that is dropped")
		}
		if names := q.strange(one.Record, &changed, to); err == nil && len(names) > 0 {
			err = fmt.Errorf("no column of %s.%s takes %s, which the letter's own value does not have", to.Route.Database,
				to.Route.Table, strings.Join(names, ", "))
		}
		if err != nil {
			return invalid(i, "value", fmt.Sprintf("the value for letter %s cannot be ingested: %s", one.ID,
				q.Env.Hidden(err.Error())))
		}
		one.Record, one.edited = &changed, true
	}
	return nil
}

// Decoder makes what shows what letters say.
func (q *Queue) Decoder() *Decoder { return NewDecoder(q.s) }

// invalid is the error of an edit's field.
func invalid(edit int, field, message string) error {
	return &FieldError{fmt.Sprintf("edits[%d].%s", edit, field), message}
}

// strange returns the fields of an edited value that no column would take and that the letter's own
// value does not have: misspelt ones, whose values would be lost. It names none where the letter's
// value cannot be read, where columns are made for fields, or where a column takes the whole row.
func (q *Queue) strange(before, after *kgo.Record, to *target.Table) (names []string) {
	fields := func(r *kgo.Record) map[string]json.RawMessage {
		made, _, err := row.NewEncoder(q.s.NewRows(to.Route), row.Target{}).Append(nil, r)
		var object map[string]json.RawMessage
		if err != nil || json.Unmarshal(bytes.TrimSpace(made), &object) != nil {
			return nil
		}
		return object
	}
	old, columns := fields(before), to.Rows()
	if old == nil || columns.Schema == nil || q.s.AutoEvolve || columns.Mapping != nil &&
		slices.ContainsFunc(columns.Mapping.Columns, func(c kusto.Mapped) bool { return c.Path == "$" }) {
		return nil
	}
	_, unmapped := row.Fit(slices.Sorted(maps.Keys(fields(after))), columns, nil)
	return slices.DeleteFunc(unmapped, func(name string) bool { _, there := old[name]; return there })
}
