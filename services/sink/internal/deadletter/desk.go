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

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/sink/internal/marks"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

const (
	DefaultLetters = 100
	MaxLetters     = 1000
	// maxShown is how many bytes of letters an answer has, which must stay below the 4 MiB that clients take.
	maxShown = 2 << 20
)

// Reasons of errors about dead letters, for google.rpc.ErrorInfo.
const (
	ReasonNoTopic    = "NO_DEAD_LETTER_TOPIC"
	ReasonUnusable   = "CONNECTOR_UNUSABLE"
	ReasonUnread     = "DEAD_LETTERS_UNREADABLE"
	ReasonUnfinished = "REPLAY_UNFINISHED"
)

// Desk is what it takes to read and ingest dead letters, on whichever worker is asked.
type Desk struct {
	Env        connector.TaskEnv
	s          *spec.Spec
	failpoints *failpoint.Set
	client     *kusto.Client
	retry      *retry.Retrier
	tables     *target.Tables
	ingest     *ingest.Ingester
	Letters    *letters
	// beside is what no letter waits for.
	beside contain.Waiting
	// probed is set once it is known how the cluster takes rows.
	probed bool
}

func (d *Desk) Close() {
	d.beside.Wait()
	d.Letters.Close()
	_ = d.client.Close() // nothing was left in it
}

// Tools are what a worker's parts share.
type Tools struct {
	Memory     *memory.Process
	Meters     *status.Meters
	Tracer     trace.Tracer
	Failpoints *failpoint.Set
}

// Open connects to a connector's dead letters and to its cluster.
func Open(ctx context.Context, env connector.TaskEnv, s *spec.Spec, with Tools) (_ *Desk, err error) {
	d := &Desk{Env: env, s: s, failpoints: with.Failpoints}
	if d.client, err = kusto.New(s.Kusto); err != nil {
		return nil, Refusal(env, codes.FailedPrecondition, ReasonUnusable, err)
	}
	failed := func(err error) { env.Logger.Error("what was done beside dead letters has failed", "err", err) }
	held := memory.NewShare(with.Memory)
	told := status.NewTask(env, held, s.Guarantee())
	d.retry = retry.New(told.Troubles, s.RetryLimit, s.MaxBackoff, env.Retrying, failed)
	d.tables = target.New(target.Cluster{
		Ctx: ctx, Env: env, Spec: s, Client: d.client, Retry: d.retry, Status: told, Memory: held, Meters: with.Meters,
		Beside: func(name string, work func()) { d.beside.Go(name, work, failed) },
	})
	d.ingest = &ingest.Ingester{
		Env: env, Spec: s, Client: d.client, Retry: d.retry, Memory: held, Meters: with.Meters, Tracer: with.Tracer,
		Failpoints: with.Failpoints,
		TopicID:    func(string) string { return "" }, // replays have tags of their own
		SetAside: func(context.Context, []batch.Refused) error {
			return errors.New("a record that is replayed is refused again and not set aside")
		},
	}
	if d.Letters, err = openLetters(ctx, env, s, d.retry); err != nil {
		return nil, Refusal(env, codes.Unavailable, ReasonUnread, errors.Join(err, d.client.Close()))
	}
	return d, nil
}

// Refusal is an error as a caller may see it: libraries quote what they were configured with.
func Refusal(env connector.TaskEnv, code codes.Code, reason string, err error) error {
	return rpc.Error(code, reason, env.Hidden(err.Error()))
}

// CountByClass gives the number of letters of each class, in the order of the classes.
func CountByClass(found []Letter) []*sinkv1.DeadLetterCount {
	var counts []*sinkv1.DeadLetterCount
	for _, one := range found {
		class := one.rejection.shown()
		i, known := slices.BinarySearchFunc(counts, class,
			func(c *sinkv1.DeadLetterCount, class sinkv1.DeadLetterClass) int { return int(c.Class - class) })
		if !known {
			counts = slices.Insert(counts, i, &sinkv1.DeadLetterCount{Class: class})
		}
		counts[i].Letters++
	}
	return counts
}

// CodeOf tells what waiting mends from what the user must.
func CodeOf(err error) codes.Code {
	if retry.IsPermanent(err) {
		return codes.FailedPrecondition
	}
	return codes.Unavailable
}

// Edit puts the caller's values in the place of the letters' own, after trying that each makes a row.
func (d *Desk) Edit(ctx context.Context, found []Letter, edits []*sinkv1.DeadLetterEdit) error {
	for i, e := range edits {
		field := fmt.Sprintf("edits[%d].", i)
		at := slices.IndexFunc(found, func(one Letter) bool {
			return one.ID == e.GetId() || slices.Contains(one.copies, e.GetId())
		})
		switch {
		case at < 0:
			return rpc.InvalidField(field+"id", fmt.Sprintf("letter %q is not among those that are chosen", e.GetId()))
		case found[at].edited:
			return rpc.InvalidField(field+"id", fmt.Sprintf("letter %q is given two values", e.GetId()))
		case len(e.GetValue()) == 0:
			return rpc.InvalidField(field+"value", "the value is empty; discard the letter if it shall make no row")
		}
		one := &found[at]
		changed := *one.Record
		changed.Value = e.GetValue()
		to, err := d.target(ctx, changed.Topic)
		if err != nil {
			return Refusal(d.Env, CodeOf(err), ReasonUnusable, err)
		}
		b := &batch.Batch{}
		err = b.Add(row.NewEncoder(d.s.NewRows(to.Route), to.Rows()), &changed)
		if err == nil && b.Rows == 0 {
			err = errors.New("it makes no row: a tombstone, or a delete that is dropped")
		}
		if names := d.strange(one.Record, &changed, to); err == nil && len(names) > 0 {
			err = fmt.Errorf("no column of %s.%s takes %s, which the letter's own value does not have", to.Route.Database,
				to.Route.Table, strings.Join(names, ", "))
		}
		if err != nil {
			return rpc.InvalidField(field+"value", fmt.Sprintf("the value for letter %s cannot be ingested: %s", one.ID,
				d.Env.Hidden(err.Error())))
		}
		one.Record, one.edited = &changed, true
	}
	return nil
}

// strange are the fields of an edited value that no column would take, and that the letter's own
// value does not have: misspelt ones, whose values would be lost. It names none where the letter's
// value cannot be read, where columns are made for fields, or where a column takes the whole row.
func (d *Desk) strange(before, after *kgo.Record, to *target.Table) (names []string) {
	fields := func(r *kgo.Record) map[string]json.RawMessage {
		made, _, err := row.NewEncoder(d.s.NewRows(to.Route), row.Target{}).Append(nil, r)
		var object map[string]json.RawMessage
		if err != nil || json.Unmarshal(bytes.TrimSpace(made), &object) != nil {
			return nil
		}
		return object
	}
	old, columns := fields(before), to.Rows()
	if old == nil || columns.Schema == nil || d.s.AutoEvolve || columns.Mapping != nil &&
		slices.ContainsFunc(columns.Mapping.Columns, func(c kusto.Mapped) bool { return c.Path == "$" }) {
		return nil
	}
	_, unmapped := row.Fit(slices.Sorted(maps.Keys(fields(after))), columns, nil)
	return slices.DeleteFunc(unmapped, func(name string) bool { _, there := old[name]; return there })
}

// CheckFilter refuses what no letter can match.
func CheckFilter(f *sinkv1.DeadLetterFilter) error {
	for i, id := range f.GetIds() {
		if _, _, ok := marks.ParseID(id); !ok {
			return rpc.InvalidField(fmt.Sprintf("filter.ids[%d]", i),
				fmt.Sprintf("filter.ids[%d] is %.100q, want partition and offset in the dead letter topic, such as 0/17", i, id))
		}
	}
	if _, known := sinkv1.DeadLetterClass_name[int32(f.GetClass())]; !known {
		return rpc.InvalidField("filter.class", fmt.Sprintf("filter.class is %d, which is no class", f.GetClass()))
	}
	return nil
}

// Show gives as many letters as an answer may have, n at most.
func (d *Desk) Show(found []Letter, n int) ([]*sinkv1.DeadLetter, error) {
	decoder, err := newDecoder(d.s)
	if err != nil {
		return nil, err
	}
	var out []*sinkv1.DeadLetter
	bytes := 0
	for _, one := range found[:min(n, len(found))] {
		shown := one.Show(decoder)
		if bytes += proto.Size(shown); bytes > maxShown && len(out) > 0 {
			break
		}
		out = append(out, shown)
	}
	return out, nil
}

func (one *Letter) Show(d *Decoder) *sinkv1.DeadLetter {
	out := &sinkv1.DeadLetter{
		Id: one.ID, Topic: text([]byte(one.Record.Topic)), Partition: one.Record.Partition, Offset: one.Record.Offset,
		Key: one.Record.Key, Value: one.Record.Value, Reason: text([]byte(one.reason)),
		Time:  timestamppb.New(one.Record.Timestamp),
		Class: one.rejection.shown(), ErrorCode: text([]byte(one.rejection.code)), Permanent: one.rejection.permanent,
		Column:    text([]byte(one.rejection.column)),
		Connector: text([]byte(one.connector)), Task: one.task, Decoded: d.decode(one.Record),
	}
	for _, h := range one.Record.Headers {
		out.Headers = append(out.Headers, &sinkv1.Header{Key: text([]byte(h.Key)), Value: h.Value})
		if sc, ok := telemetry.SpanContext(string(h.Value)); ok && h.Key == telemetry.TraceparentKey {
			out.TraceId = sc.TraceID().String()
		}
	}
	return out
}
