package admin

import (
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/services/admin/overview"
)

// Bounds of a watch's interval.
const (
	defaultWatchInterval  = time.Second
	shortestWatchInterval = 500 * time.Millisecond
	longestWatchInterval  = time.Minute
	// heartbeat is how long a watch of summaries stays silent before it says that nothing has changed.
	heartbeat = 5 * time.Second
)

// WatchPipelines sends what changed since it last sent something. It looks again only when the
// watcher has received that, so that a slow watcher holds up nothing but its own stream.
func (s *service) WatchPipelines(q *adminv1.WatchPipelinesRequest,
	out grpc.ServerStreamingServer[adminv1.WatchPipelinesResponse]) error {
	interval, err := watchInterval(q.Interval)
	if err != nil {
		return err
	}
	ctx := out.Context()
	sent := sentPipelines{basic: q.View == adminv1.PipelineView_PIPELINE_VIEW_BASIC, known: map[string]overview.Listed{}}
	var last time.Time
	for first := true; ; first = false {
		all, err := s.views.within(ctx, interval/2)
		if ctx.Err() != nil {
			return status.FromContextError(ctx.Err()).Err()
		}
		if err != nil {
			return err
		}
		if q.Source != "" {
			all = only(q.Source, all)
			if first && len(all) == 0 { // it may have been created since
				now, err := s.views.within(ctx, 0)
				if err != nil {
					return err
				}
				if all = only(q.Source, now); len(all) == 0 {
					return noSource(q.Source)
				}
			}
		}
		answer, now := sent.changes(all), s.seen.now()
		changed := len(answer.Pipelines)+len(answer.Summaries)+len(answer.Deleted) > 0
		if first || changed || sent.basic && now.Sub(last) >= heartbeat {
			last = now
			sent.messages++
			answer.Sequence, answer.Time = sent.messages, timestamppb.New(now)
			if err := out.Send(answer); err != nil {
				return err
			}
		}
		if !pause(ctx, interval) {
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

// only returns the pipeline of one source, if it exists.
func only(source string, all []overview.Listed) []overview.Listed {
	return slices.DeleteFunc(slices.Clone(all), func(p overview.Listed) bool { return p.Pipeline.Source != source })
}

func watchInterval(d *durationpb.Duration) (time.Duration, error) {
	if d == nil {
		return defaultWatchInterval, nil
	}
	if err := d.CheckValid(); err != nil {
		return 0, rpc.InvalidField("interval", "interval is no duration: "+err.Error())
	}
	if interval := d.AsDuration(); interval >= shortestWatchInterval && interval <= longestWatchInterval {
		return interval, nil
	}
	return 0, rpc.InvalidField("interval", "interval must be between "+shortestWatchInterval.String()+" and "+
		longestWatchInterval.String())
}

// sentPipelines is what a watcher was sent.
type sentPipelines struct {
	// basic is true if the watcher only gets summaries.
	basic bool
	// known is what it was sent last, by source, in that many messages.
	known    map[string]overview.Listed
	messages int64
}

// changes returns how the present pipelines differ from what the watcher knows, and remembers them.
func (s *sentPipelines) changes(all []overview.Listed) *adminv1.WatchPipelinesResponse {
	answer := &adminv1.WatchPipelinesResponse{}
	there := make(map[string]bool, len(all))
	for _, p := range all {
		source := p.Pipeline.Source
		there[source] = true
		known, told := s.known[source]
		switch {
		case s.basic && (!told || known.Summary != p.Summary): // an unchanged summary is returned as the same pointer
			answer.Summaries = append(answer.Summaries, p.Summary)
		case !s.basic && (!told || !proto.Equal(known.Pipeline, p.Pipeline)):
			answer.Pipelines = append(answer.Pipelines, p.Pipeline)
		default:
			continue
		}
		s.known[source] = p
	}
	for source := range s.known {
		if !there[source] {
			delete(s.known, source)
			answer.Deleted = append(answer.Deleted, source)
		}
	}
	slices.Sort(answer.Deleted)
	return answer
}
