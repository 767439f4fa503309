package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"

	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/services/sink/internal/resolution"
)

// environment is what the tasks of a connector are given, whether or not they run.
func (s *Service) environment(name string) (connector.TaskEnv, catalogue.Values, error) {
	env, values, err := s.fleet.Environment(name)
	if connector.ReasonOf(err) == connector.ReasonConnectorNotFound {
		err = rpc.Error(codes.NotFound, string(connector.ReasonConnectorNotFound),
			fmt.Sprintf("Sink connector %.300s not found", name))
	}
	return env, values, err
}

// refusal is an error as a caller may see it: libraries quote what they were configured with.
func refusal(env connector.TaskEnv, code codes.Code, reason string, err error) error {
	return rpc.Error(code, reason, env.Hidden(err.Error()))
}

// invalid is the refusal of a caller's value.
func invalid(of *deadletter.FieldError) error { return rpc.InvalidField(of.Field, of.Message) }

// unusable is the refusal for dead letters that cannot be read or ingested.
func unusable(env connector.TaskEnv, err error) error {
	if field := (*deadletter.FieldError)(nil); errors.As(err, &field) {
		return invalid(field)
	}
	reason := deadletter.ReasonUnread
	if known := (*deadletter.Error)(nil); errors.As(err, &known) {
		reason = known.Reason
	}
	if reason != deadletter.ReasonUnread && deadletter.Lasts(err) {
		return refusal(env, codes.FailedPrecondition, reason, err)
	}
	return refusal(env, codes.Unavailable, reason, err)
}

// open opens a connector's dead letters.
func (s *Service) open(ctx context.Context, name string) (*deadletter.Queue, error) {
	env, values, err := s.environment(name)
	if err != nil {
		return nil, err
	}
	of, err := spec.Parse(values, s.worker.Defaults)
	if err != nil {
		return nil, refusal(env, codes.FailedPrecondition, deadletter.ReasonUnusable, err)
	}
	if of.DeadTopic == "" {
		return nil, rpc.Error(codes.FailedPrecondition, deadletter.ReasonNoTopic,
			fmt.Sprintf("sink connector %q has no dead letter topic: set errors.deadletterqueue.topic.name", name))
	}
	q, err := deadletter.Open(ctx, env, of, s.worker.DeadLetters)
	if err != nil {
		return nil, unusable(env, err)
	}
	return q, nil
}

// ListDeadLetters returns dead letters.
func (s *Service) ListDeadLetters(ctx context.Context,
	r *sinkv1.ListDeadLettersRequest) (*sinkv1.ListDeadLettersResponse, error) {
	if _, _, ok := resolution.ParseID(r.GetPageToken()); !ok && r.GetPageToken() != "" {
		return nil, rpc.InvalidField("page_token", "page_token is none that an answer had")
	}
	if n := r.GetPageSize(); n < 0 || n > maxLetters {
		return nil, rpc.InvalidField("page_size", fmt.Sprintf("page_size is %d, want 1 to %d", n, maxLetters))
	}
	filter, err := filterOf(r.GetFilter())
	if err != nil {
		return nil, err
	}
	d, err := s.open(ctx, r.GetConnector())
	if err != nil {
		return nil, err
	}
	defer d.Close()
	found, _, err := d.Topic.Read(ctx, filter)
	if err != nil {
		return nil, refusal(d.Env, codes.Unavailable, deadletter.ReasonUnread, err)
	}
	out := &sinkv1.ListDeadLettersResponse{Total: int64(len(found)), Counts: counts(deadletter.CountByClass(found))}
	page := found
	if r.GetPageToken() != "" {
		page = slices.DeleteFunc(slices.Clone(found), func(one deadletter.Letter) bool {
			return deadletter.CompareIDs(one.ID, r.GetPageToken()) <= 0
		})
	}
	out.Letters = letters(d, page, cmp.Or(int(r.GetPageSize()), defaultLetters))
	if n := len(out.Letters); n < len(page) {
		out.NextPageToken = page[n-1].ID
	}
	return out, nil
}

// ReplayDeadLetters ingests dead letters.
func (s *Service) ReplayDeadLetters(ctx context.Context,
	r *sinkv1.ReplayDeadLettersRequest) (*sinkv1.ReplayDeadLettersResponse, error) {
	d, found, err := s.choose(ctx, r.GetConnector(), r.GetFilter(), r.GetAll())
	if err != nil {
		return nil, err
	}
	defer d.Close()
	edits := make([]deadletter.Edit, len(r.GetEdits()))
	for i, e := range r.GetEdits() {
		edits[i] = deadletter.Edit{ID: e.GetId(), Value: e.GetValue()}
	}
	if err := d.Edit(ctx, found, edits); err != nil {
		return nil, unusable(d.Env, err)
	}
	done, refused, err := d.Replay(ctx, found)
	if err != nil {
		return nil, unusable(d.Env, &deadletter.Error{Reason: deadletter.ReasonUnfinished, Err: fmt.Errorf("%d letters were replayed and %d refused, the others are as they were; replay them again: %w", done,
			len(refused), err)})
	}
	return &sinkv1.ReplayDeadLettersResponse{Replayed: int64(done), RefusedTotal: int64(len(refused)),
		Refused: letters(d, refused, maxLetters)}, nil
}

// DiscardDeadLetters marks dead letters as done with.
func (s *Service) DiscardDeadLetters(ctx context.Context,
	r *sinkv1.DiscardDeadLettersRequest) (*sinkv1.DiscardDeadLettersResponse, error) {
	d, found, err := s.choose(ctx, r.GetConnector(), r.GetFilter(), r.GetAll())
	if err != nil {
		return nil, err
	}
	defer d.Close()
	known, err := d.Topic.Resolutions(ctx)
	if err != nil {
		return nil, refusal(d.Env, codes.Unavailable, deadletter.ReasonUnread, err)
	}
	for _, one := range found {
		if known.Open(one.ID) != nil {
			return nil, rpc.Error(codes.FailedPrecondition, deadletter.ReasonUnfinished,
				fmt.Sprintf(
					"a replay of letter %s has not ended, and its row may be in the table: replay it again, and discard it if it is refused", one.ID))
		}
	}
	if len(found) > 0 {
		if err := d.Topic.Resolve(ctx, found, "discarded", known.Of); err != nil {
			return nil, refusal(d.Env, codes.Unavailable, deadletter.ReasonUnread, err)
		}
	}
	return &sinkv1.DiscardDeadLettersResponse{Discarded: int64(len(found))}, nil
}

// choose opens the queue with the letters that a call is about.
func (s *Service) choose(ctx context.Context, name string, f *sinkv1.DeadLetterFilter, all bool) (*deadletter.Queue,
	[]deadletter.Letter, error) {
	filter, err := filterOf(f)
	if err != nil {
		return nil, nil, err
	}
	if filter.Any() != all {
		return nil, nil, rpc.InvalidField("filter", "choose letters by a filter, or set all without a filter")
	}
	d, err := s.open(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	found, _, err := d.Topic.Read(ctx, filter)
	if err != nil {
		d.Close()
		return nil, nil, refusal(d.Env, codes.Unavailable, deadletter.ReasonUnread, err)
	}
	return d, found, nil
}
