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
)

// Bounds of a watch's interval.
const (
	defaultWatchInterval  = time.Second
	shortestWatchInterval = 500 * time.Millisecond
	longestWatchInterval  = time.Minute
)

// WatchPipelines sends what changed since it last sent something. It looks again only when the
// watcher has taken that, so one that reads slowly holds nothing but its own stream.
func (s *service) WatchPipelines(q *adminv1.WatchPipelinesRequest,
	out grpc.ServerStreamingServer[adminv1.WatchPipelinesResponse]) error {
	interval, err := watchInterval(q.Interval)
	if err != nil {
		return err
	}
	ctx := out.Context()
	sent := sentPipelines{}
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
			if first && len(all) == 0 { // it may have been made since
				now, err := s.views.within(ctx, 0)
				if err != nil {
					return err
				}
				if all = only(q.Source, now); len(all) == 0 {
					return noSource(q.Source)
				}
			}
		}
		if answer := sent.changes(all); first || len(answer.Pipelines)+len(answer.Deleted) > 0 {
			answer.Time = timestamppb.New(s.seen.now())
			if err := out.Send(answer); err != nil {
				return err
			}
		}
		if !pause(ctx, interval) {
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

// only is the pipeline of one source, if it is there.
func only(source string, all []*adminv1.Pipeline) []*adminv1.Pipeline {
	return slices.DeleteFunc(slices.Clone(all), func(p *adminv1.Pipeline) bool { return p.Source != source })
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

// sentPipelines is what a watcher knows, by source.
type sentPipelines map[string]*adminv1.Pipeline

// changes takes over all that there is now and says how it differs from before.
func (s sentPipelines) changes(all []*adminv1.Pipeline) *adminv1.WatchPipelinesResponse {
	answer := &adminv1.WatchPipelinesResponse{}
	there := map[string]bool{}
	for _, p := range all {
		there[p.Source] = true
		if known, ok := s[p.Source]; !ok || !proto.Equal(known, p) {
			s[p.Source] = p
			answer.Pipelines = append(answer.Pipelines, p)
		}
	}
	for source := range s {
		if !there[source] {
			delete(s, source)
			answer.Deleted = append(answer.Deleted, source)
		}
	}
	slices.Sort(answer.Deleted)
	return answer
}
