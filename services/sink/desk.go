package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

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
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/sink/internal/marks"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

const (
	defaultLetters = 100
	maxLetters     = 1000
	// maxShown is how many bytes of letters an answer has, which must stay below the 4 MiB that clients take.
	maxShown = 2 << 20
)

// Reasons of errors about dead letters, for google.rpc.ErrorInfo.
const (
	reasonNoTopic    = "NO_DEAD_LETTER_TOPIC"
	reasonUnusable   = "CONNECTOR_UNUSABLE"
	reasonUnread     = "DEAD_LETTERS_UNREADABLE"
	reasonUnfinished = "REPLAY_UNFINISHED"
)

// desk is what it takes to read and ingest dead letters, on whichever worker is asked.
type desk struct {
	env        connector.TaskEnv
	s          *spec.Spec
	failpoints *failpoint.Set
	client     *kusto.Client
	retry      *retry.Retrier
	tables     *target.Tables
	ingest     *ingest.Ingester
	letters    *letters
	// beside is what no letter waits for.
	beside contain.Waiting
	// probed is set once it is known how the cluster takes rows.
	probed bool
}

func (d *desk) close() {
	d.beside.Wait()
	d.letters.close()
	_ = d.client.Close() // nothing was left in it
}

// refusal is an error as a caller may see it: libraries quote what they were configured with.
func refusal(env connector.TaskEnv, code codes.Code, reason string, err error) error {
	return rpc.Error(code, reason, env.Hidden(err.Error()))
}

// environment is what the tasks of a connector are given, whether or not they run.
func (s *Service) environment(name string) (connector.TaskEnv, catalogue.Values, error) {
	env, values, err := s.fleet.Environment(name)
	if connector.ReasonOf(err) == connector.ReasonConnectorNotFound {
		err = rpc.Error(codes.NotFound, string(connector.ReasonConnectorNotFound), fmt.Sprintf("Sink connector %.300s not found", name))
	}
	return env, values, err
}

// open makes a desk for a connector's dead letters.
func (s *Service) open(ctx context.Context, name string) (_ *desk, err error) {
	env, values, err := s.environment(name)
	if err != nil {
		return nil, err
	}
	of, err := spec.Parse(values, s.options.defaults())
	if err != nil {
		return nil, refusal(env, codes.FailedPrecondition, reasonUnusable, err)
	}
	if of.DeadTopic == "" {
		return nil, rpc.Error(codes.FailedPrecondition, reasonNoTopic, fmt.Sprintf("sink connector %q has no dead letter topic: set errors.deadletterqueue.topic.name", name))
	}
	d := &desk{env: env, s: of, failpoints: s.options.Failpoints}
	if d.client, err = kusto.New(of.Kusto); err != nil {
		return nil, refusal(env, codes.FailedPrecondition, reasonUnusable, err)
	}
	failed := func(err error) { env.Logger.Error("what was done beside dead letters has failed", "err", err) }
	held := memory.NewShare(&s.options.Board.Memory)
	board := status.NewProgress(env, held, of.Guarantee())
	d.retry = retry.New(board.Troubles, of.RetryLimit, of.MaxBackoff, env.Retrying, failed)
	d.tables = target.New(target.Cluster{
		Ctx: ctx, Env: env, Spec: of, Client: d.client, Retry: d.retry, Board: board, Memory: held, Meters: s.options.meters,
		Beside: func(name string, work func()) { d.beside.Go(name, work, failed) },
	})
	d.ingest = &ingest.Ingester{
		Env: env, Spec: of, Client: d.client, Retry: d.retry, Memory: held, Meters: s.options.meters, Tracer: s.options.Tracer, Failpoints: s.options.Failpoints,
		TopicID: func(string) string { return "" }, // replays have tags of their own
		SetAside: func(context.Context, []batch.Refused) error {
			return errors.New("a record that is replayed is refused again and not set aside")
		},
	}
	if d.letters, err = openLetters(ctx, env, of, d.retry); err != nil {
		return nil, refusal(env, codes.Unavailable, reasonUnread, errors.Join(err, d.client.Close()))
	}
	return d, nil
}

// ListDeadLetters returns dead letters.
func (s *Service) ListDeadLetters(ctx context.Context, r *sinkv1.ListDeadLettersRequest) (*sinkv1.ListDeadLettersResponse, error) {
	if _, _, ok := marks.ParseID(r.GetPageToken()); !ok && r.GetPageToken() != "" {
		return nil, rpc.InvalidField("page_token", "page_token is none that an answer had")
	}
	if n := r.GetPageSize(); n < 0 || n > maxLetters {
		return nil, rpc.InvalidField("page_size", fmt.Sprintf("page_size is %d, want 1 to %d", n, maxLetters))
	}
	if err := checkFilter(r.GetFilter()); err != nil {
		return nil, err
	}
	d, err := s.open(ctx, r.GetConnector())
	if err != nil {
		return nil, err
	}
	defer d.close()
	found, _, err := d.letters.read(ctx, r.GetFilter())
	if err != nil {
		return nil, refusal(d.env, codes.Unavailable, reasonUnread, err)
	}
	out := &sinkv1.ListDeadLettersResponse{Total: int64(len(found)), Counts: count(found)}
	page := found
	if r.GetPageToken() != "" {
		page = slices.DeleteFunc(slices.Clone(found), func(one letter) bool { return compareIDs(one.id, r.GetPageToken()) <= 0 })
	}
	if out.Letters, err = d.show(page, cmp.Or(int(r.GetPageSize()), defaultLetters)); err != nil {
		return nil, refusal(d.env, codes.FailedPrecondition, reasonUnusable, err)
	}
	if n := len(out.Letters); n < len(page) {
		out.NextPageToken = page[n-1].id
	}
	return out, nil
}

// count gives the number of letters of each class, in the order of the classes.
func count(found []letter) []*sinkv1.DeadLetterCount {
	var counts []*sinkv1.DeadLetterCount
	for _, one := range found {
		class := one.rejection.shown()
		i, known := slices.BinarySearchFunc(counts, class, func(c *sinkv1.DeadLetterCount, class sinkv1.DeadLetterClass) int { return int(c.Class - class) })
		if !known {
			counts = slices.Insert(counts, i, &sinkv1.DeadLetterCount{Class: class})
		}
		counts[i].Letters++
	}
	return counts
}

// ReplayDeadLetters ingests dead letters.
func (s *Service) ReplayDeadLetters(ctx context.Context, r *sinkv1.ReplayDeadLettersRequest) (*sinkv1.ReplayDeadLettersResponse, error) {
	d, found, err := s.choose(ctx, r.GetConnector(), r.GetFilter(), r.GetAll())
	if err != nil {
		return nil, err
	}
	defer d.close()
	if err := d.edit(ctx, found, r.GetEdits()); err != nil {
		return nil, err
	}
	done, refused, err := d.replay(ctx, found)
	if err != nil {
		return nil, refusal(d.env, codeOf(err), reasonUnfinished, fmt.Errorf("%d letters were replayed and %d refused, the others are as they were; replay them again: %w", done, len(refused), err))
	}
	out := &sinkv1.ReplayDeadLettersResponse{Replayed: int64(done), RefusedTotal: int64(len(refused))}
	if out.Refused, err = d.show(refused, maxLetters); err != nil {
		return nil, refusal(d.env, codes.FailedPrecondition, reasonUnusable, err)
	}
	return out, nil
}

// codeOf tells what waiting mends from what the user must.
func codeOf(err error) codes.Code {
	if retry.IsPermanent(err) {
		return codes.FailedPrecondition
	}
	return codes.Unavailable
}

// edit puts the caller's values in the place of the letters' own, after trying that each makes a row.
func (d *desk) edit(ctx context.Context, found []letter, edits []*sinkv1.DeadLetterEdit) error {
	for i, e := range edits {
		field := fmt.Sprintf("edits[%d].", i)
		at := slices.IndexFunc(found, func(one letter) bool { return one.id == e.GetId() || slices.Contains(one.copies, e.GetId()) })
		switch {
		case at < 0:
			return rpc.InvalidField(field+"id", fmt.Sprintf("letter %q is not among those that are chosen", e.GetId()))
		case found[at].edited:
			return rpc.InvalidField(field+"id", fmt.Sprintf("letter %q is given two values", e.GetId()))
		case len(e.GetValue()) == 0:
			return rpc.InvalidField(field+"value", "the value is empty; discard the letter if it shall make no row")
		}
		one := &found[at]
		changed := *one.record
		changed.Value = e.GetValue()
		to, err := d.target(ctx, changed.Topic)
		if err != nil {
			return refusal(d.env, codeOf(err), reasonUnusable, err)
		}
		b := &batch.Batch{}
		err = b.Add(row.NewEncoder(d.s.NewRows(to.Route), to.Rows()), &changed)
		if err == nil && b.Rows == 0 {
			err = errors.New("it makes no row: a tombstone, or a delete that is dropped")
		}
		if err != nil {
			return rpc.InvalidField(field+"value", fmt.Sprintf("the value for letter %s cannot be ingested: %s", one.id, d.env.Hidden(err.Error())))
		}
		one.record, one.edited = &changed, true
	}
	return nil
}

// DiscardDeadLetters marks dead letters as done with.
func (s *Service) DiscardDeadLetters(ctx context.Context, r *sinkv1.DiscardDeadLettersRequest) (*sinkv1.DiscardDeadLettersResponse, error) {
	d, found, err := s.choose(ctx, r.GetConnector(), r.GetFilter(), r.GetAll())
	if err != nil {
		return nil, err
	}
	defer d.close()
	known, err := d.letters.marks(ctx)
	if err != nil {
		return nil, refusal(d.env, codes.Unavailable, reasonUnread, err)
	}
	for _, one := range found {
		if known.Open(one.id) != nil {
			return nil, rpc.Error(codes.FailedPrecondition, reasonUnfinished, fmt.Sprintf("a replay of letter %s has not ended, and its row may be in the table: replay it again, and discard it if it is refused", one.id))
		}
	}
	if len(found) > 0 {
		if err := d.letters.markDone(ctx, found, "discarded", known.Of); err != nil {
			return nil, refusal(d.env, codes.Unavailable, reasonUnread, err)
		}
	}
	return &sinkv1.DiscardDeadLettersResponse{Discarded: int64(len(found))}, nil
}

// choose opens a desk with the letters that a call is about.
func (s *Service) choose(ctx context.Context, connector string, f *sinkv1.DeadLetterFilter, all bool) (*desk, []letter, error) {
	filtered := len(f.GetIds()) > 0 || f.GetTopic() != "" || f.GetReason() != "" || f.GetClass() != 0
	if filtered == all {
		return nil, nil, rpc.InvalidField("filter", "choose letters by a filter, or set all without a filter")
	}
	if err := checkFilter(f); err != nil {
		return nil, nil, err
	}
	d, err := s.open(ctx, connector)
	if err != nil {
		return nil, nil, err
	}
	found, _, err := d.letters.read(ctx, f)
	if err != nil {
		d.close()
		return nil, nil, refusal(d.env, codes.Unavailable, reasonUnread, err)
	}
	return d, found, nil
}

// checkFilter refuses what no letter can match.
func checkFilter(f *sinkv1.DeadLetterFilter) error {
	for i, id := range f.GetIds() {
		if _, _, ok := marks.ParseID(id); !ok {
			return rpc.InvalidField(fmt.Sprintf("filter.ids[%d]", i), fmt.Sprintf("filter.ids[%d] is %.100q, want partition and offset in the dead letter topic, such as 0/17", i, id))
		}
	}
	if _, known := sinkv1.DeadLetterClass_name[int32(f.GetClass())]; !known {
		return rpc.InvalidField("filter.class", fmt.Sprintf("filter.class is %d, which is no class", f.GetClass()))
	}
	return nil
}

// show gives as many letters as an answer may have, n at most.
func (d *desk) show(found []letter, n int) ([]*sinkv1.DeadLetter, error) {
	decoder, err := newDecoder(d.s)
	if err != nil {
		return nil, err
	}
	var out []*sinkv1.DeadLetter
	bytes := 0
	for _, one := range found[:min(n, len(found))] {
		shown := one.show(decoder)
		if bytes += proto.Size(shown); bytes > maxShown && len(out) > 0 {
			break
		}
		out = append(out, shown)
	}
	return out, nil
}

func (one *letter) show(d *decoder) *sinkv1.DeadLetter {
	out := &sinkv1.DeadLetter{
		Id: one.id, Topic: text([]byte(one.record.Topic)), Partition: one.record.Partition, Offset: one.record.Offset,
		Key: one.record.Key, Value: one.record.Value, Reason: text([]byte(one.reason)), Time: timestamppb.New(one.record.Timestamp),
		Class: one.rejection.shown(), ErrorCode: text([]byte(one.rejection.code)), Permanent: one.rejection.permanent, Column: text([]byte(one.rejection.column)),
		Connector: text([]byte(one.connector)), Task: one.task, Decoded: d.decode(one.record),
	}
	for _, h := range one.record.Headers {
		out.Headers = append(out.Headers, &sinkv1.Header{Key: text([]byte(h.Key)), Value: h.Value})
		if sc, ok := telemetry.SpanContext(string(h.Value)); ok && h.Key == telemetry.TraceparentKey {
			out.TraceId = sc.TraceID().String()
		}
	}
	return out
}
