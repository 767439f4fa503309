package api

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"

	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/services/sink/internal/marks"
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

// open makes a desk for a connector's dead letters.
func (s *Service) open(ctx context.Context, name string) (_ *deadletter.Desk, err error) {
	env, values, err := s.environment(name)
	if err != nil {
		return nil, err
	}
	of, err := spec.Parse(values, s.worker.Defaults)
	if err != nil {
		return nil, deadletter.Refusal(env, codes.FailedPrecondition, deadletter.ReasonUnusable, err)
	}
	if of.DeadTopic == "" {
		return nil, rpc.Error(codes.FailedPrecondition, deadletter.ReasonNoTopic,
			fmt.Sprintf("sink connector %q has no dead letter topic: set errors.deadletterqueue.topic.name", name))
	}
	return deadletter.Open(ctx, env, of, s.worker.Tools)
}

// ListDeadLetters returns dead letters.
func (s *Service) ListDeadLetters(ctx context.Context,
	r *sinkv1.ListDeadLettersRequest) (*sinkv1.ListDeadLettersResponse, error) {
	if _, _, ok := marks.ParseID(r.GetPageToken()); !ok && r.GetPageToken() != "" {
		return nil, rpc.InvalidField("page_token", "page_token is none that an answer had")
	}
	if n := r.GetPageSize(); n < 0 || n > deadletter.MaxLetters {
		return nil, rpc.InvalidField("page_size", fmt.Sprintf("page_size is %d, want 1 to %d", n, deadletter.MaxLetters))
	}
	if err := deadletter.CheckFilter(r.GetFilter()); err != nil {
		return nil, err
	}
	d, err := s.open(ctx, r.GetConnector())
	if err != nil {
		return nil, err
	}
	defer d.Close()
	found, _, err := d.Letters.Read(ctx, r.GetFilter())
	if err != nil {
		return nil, deadletter.Refusal(d.Env, codes.Unavailable, deadletter.ReasonUnread, err)
	}
	out := &sinkv1.ListDeadLettersResponse{Total: int64(len(found)), Counts: deadletter.CountByClass(found)}
	page := found
	if r.GetPageToken() != "" {
		page = slices.DeleteFunc(slices.Clone(found), func(one deadletter.Letter) bool {
			return deadletter.CompareIDs(one.ID, r.GetPageToken()) <= 0
		})
	}
	if out.Letters, err = d.Show(page, cmp.Or(int(r.GetPageSize()), deadletter.DefaultLetters)); err != nil {
		return nil, deadletter.Refusal(d.Env, codes.FailedPrecondition, deadletter.ReasonUnusable, err)
	}
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
	if err := d.Edit(ctx, found, r.GetEdits()); err != nil {
		return nil, err
	}
	done, refused, err := d.Replay(ctx, found)
	if err != nil {
		return nil, deadletter.Refusal(d.Env, deadletter.CodeOf(err), deadletter.ReasonUnfinished,
			fmt.Errorf("%d letters were replayed and %d refused, the others are as they were; replay them again: %w", done,
				len(refused), err))
	}
	out := &sinkv1.ReplayDeadLettersResponse{Replayed: int64(done), RefusedTotal: int64(len(refused))}
	if out.Refused, err = d.Show(refused, deadletter.MaxLetters); err != nil {
		return nil, deadletter.Refusal(d.Env, codes.FailedPrecondition, deadletter.ReasonUnusable, err)
	}
	return out, nil
}

// DiscardDeadLetters marks dead letters as done with.
func (s *Service) DiscardDeadLetters(ctx context.Context,
	r *sinkv1.DiscardDeadLettersRequest) (*sinkv1.DiscardDeadLettersResponse, error) {
	d, found, err := s.choose(ctx, r.GetConnector(), r.GetFilter(), r.GetAll())
	if err != nil {
		return nil, err
	}
	defer d.Close()
	known, err := d.Letters.Marks(ctx)
	if err != nil {
		return nil, deadletter.Refusal(d.Env, codes.Unavailable, deadletter.ReasonUnread, err)
	}
	for _, one := range found {
		if known.Open(one.ID) != nil {
			return nil, rpc.Error(codes.FailedPrecondition, deadletter.ReasonUnfinished,
				fmt.Sprintf(
					"a replay of letter %s has not ended, and its row may be in the table: replay it again, and discard it if it is refused", one.ID))
		}
	}
	if len(found) > 0 {
		if err := d.Letters.MarkDone(ctx, found, "discarded", known.Of); err != nil {
			return nil, deadletter.Refusal(d.Env, codes.Unavailable, deadletter.ReasonUnread, err)
		}
	}
	return &sinkv1.DiscardDeadLettersResponse{Discarded: int64(len(found))}, nil
}

// choose opens a desk with the letters that a call is about.
func (s *Service) choose(ctx context.Context, connector string, f *sinkv1.DeadLetterFilter, all bool) (*deadletter.Desk,
	[]deadletter.Letter, error) {
	filtered := len(f.GetIds()) > 0 || f.GetTopic() != "" || f.GetReason() != "" || f.GetClass() != 0
	if filtered == all {
		return nil, nil, rpc.InvalidField("filter", "choose letters by a filter, or set all without a filter")
	}
	if err := deadletter.CheckFilter(f); err != nil {
		return nil, nil, err
	}
	d, err := s.open(ctx, connector)
	if err != nil {
		return nil, nil, err
	}
	found, _, err := d.Letters.Read(ctx, f)
	if err != nil {
		d.Close()
		return nil, nil, deadletter.Refusal(d.Env, codes.Unavailable, deadletter.ReasonUnread, err)
	}
	return d, found, nil
}
