package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"google.golang.org/grpc/codes"

	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
	"github.com/calypso-cdc/calypso/services/sink/internal/extents"
	"github.com/calypso-cdc/calypso/services/sink/internal/ledger"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// GetProvenOffsets finds where a connector may go on whose offsets the brokers have forgotten.
func (s *Service) GetProvenOffsets(ctx context.Context,
	r *sinkv1.GetProvenOffsetsRequest) (*sinkv1.GetProvenOffsetsResponse, error) {
	env, values, err := s.environment(r.GetConnector())
	if err != nil {
		return nil, err
	}
	of, err := spec.Parse(values, s.worker.Defaults)
	if err != nil {
		return nil, refusal(env, codes.FailedPrecondition, deadletter.ReasonUnusable, err)
	}
	if !of.Exact {
		return nil, rpc.Error(codes.FailedPrecondition, "NO_TAGS", fmt.Sprintf(
			"the batches of sink connector %q have no tags that would say which records its tables have: set the offsets yourself",
			r.GetConnector()))
	}
	client, err := kusto.New(of.Kusto)
	if err != nil {
		return nil, refusal(env, codes.FailedPrecondition, deadletter.ReasonUnusable, err)
	}
	defer client.Close()
	brokers, err := env.Kafka()
	if err != nil {
		return nil, refusal(env, codes.Unavailable, "BROKERS_UNAVAILABLE", err)
	}
	defer brokers.Close()
	p := &prover{of: of, tags: extents.Reader{Spec: of, Client: client}, brokers: kadm.NewClient(brokers)}
	out, err := p.prove(ctx, env.InternalTopics)
	if err != nil {
		return nil, refusal(env, codes.Unavailable, "OFFSETS_UNPROVEN", err)
	}
	return &sinkv1.GetProvenOffsetsResponse{Offsets: out}, nil
}

// prover finds offsets by the tags of a connector's batches.
type prover struct {
	of      *spec.Spec
	tags    extents.Reader
	brokers *kadm.Client
}

// prove looks at the partitions for which the group has no offset, by topic and number.
func (p *prover) prove(ctx context.Context, internal []string) (out []*sinkv1.ProvenOffset, err error) {
	topics, err := p.brokers.ListTopics(ctx, p.of.Topics...) // all where a pattern says which
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	committed, err := p.brokers.FetchOffsets(ctx, p.of.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("read the offsets of group %s: %w", p.of.Group, err)
	}
	for _, topic := range topics.Sorted() {
		if p.of.Pattern != nil && (slices.Contains(internal, topic.Topic) || !p.of.Pattern.Matches(topic.Topic)) {
			continue
		}
		if topic.Err != nil {
			return nil, fmt.Errorf("list topic %s: %w", topic.Topic, topic.Err)
		}
		found, err := p.topic(ctx, topic, committed)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// topic is prove for a topic.
func (p *prover) topic(ctx context.Context, topic kadm.TopicDetail,
	committed kadm.OffsetResponses) (out []*sinkv1.ProvenOffset, err error) {
	begins, errBegins := p.brokers.ListStartOffsets(ctx, topic.Topic)
	ends, errEnds := p.brokers.ListEndOffsets(ctx, topic.Topic)
	if err := errors.Join(errBegins, errEnds); err != nil {
		return nil, fmt.Errorf("read where topic %s begins and ends: %w", topic.Topic, err)
	}
	id := ""
	if topic.ID != (kadm.TopicID{}) {
		id = topic.ID.String()
	}
	for _, partition := range topic.Partitions.Sorted() {
		number := partition.Partition
		if o, ok := committed.Lookup(topic.Topic, number); ok && o.Err == nil && o.At >= 0 {
			continue
		}
		begin, _ := begins.Lookup(topic.Topic, number)
		end, _ := ends.Lookup(topic.Topic, number)
		if err := cmp.Or(begin.Err, end.Err); err != nil {
			return nil, fmt.Errorf("read where partition %d of topic %s begins and ends: %w", number, topic.Topic, err)
		}
		if end.Offset == 0 { // nothing was ever read of it
			continue
		}
		cuts, err := p.tags.Cuts(ctx, topic.Topic, number, id)
		if err != nil {
			return nil, err
		}
		found := &sinkv1.ProvenOffset{Topic: topic.Topic, Partition: number, Offset: -1, Begin: begin.Offset,
			End: end.Offset}
		if l := ledger.Recover(id, cuts); l != nil {
			found.Offset, found.Batches = l.Committed(), l.Metadata()
		}
		out = append(out, found)
	}
	return out, nil
}
