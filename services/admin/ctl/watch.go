package ctl

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/libs/contain"
)

// clear moves to the top of a terminal and clears it (ECMA-48 CUP and ED).
const clear = "\x1b[H\x1b[2J"

// Bounds of how often to show the pipelines, which are those of WatchPipelines.
const (
	leastInterval = 500 * time.Millisecond
	mostInterval  = time.Minute
)

// makeRoom prepares for what is shown next: a terminal is cleared; in a file or pipe one follows
// the other.
func makeRoom(s *session) {
	out, _ := s.out.(printable)
	if f, ok := out.out.(*os.File); ok {
		if about, err := f.Stat(); err == nil && about.Mode()&os.ModeCharDevice != 0 {
			_, _ = f.WriteString(clear) // if this fails, so will what follows, and there is nobody to tell
		}
	}
}

// watchCommand shows the pipelines again and again.
func watchCommand(s *session) *cobra.Command {
	var interval time.Duration
	var times int
	watch := &cobra.Command{
		Use: "watch [PIPELINE]", Short: "Show the pipelines, or one, as they change, until Ctrl-C", Args: between(0, 1),
		ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			if interval < leastInterval || interval > mostInterval {
				return fmt.Errorf("%w: --interval is %v: %v to %v", errUsage, interval, leastInterval, mostInterval)
			}
			if times < 0 {
				return fmt.Errorf("%w: --times is %d: 0 or more", errUsage, times)
			}
			// Asked for twice as often, what is shown is not older than half an interval.
			q := &adminv1.WatchPipelinesRequest{Interval: durationpb.New(max(interval/2, leastInterval))}
			// For one pipeline there is room to show mere notices too.
			least := adminv1.CheckState_CHECK_STATE_WARNING
			if len(args) > 0 {
				q.Source, least = args[0], adminv1.CheckState_CHECK_STATE_NOTICE
			}
			watched, err := watchPipelines(cmd.Context(), s, q)
			if err != nil {
				return err
			}
			defer watched.end()
			for n := 0; times == 0 || n < times; n++ {
				all, err := watched.next(interval)
				if cmd.Context().Err() != nil {
					return nil
				}
				if err != nil {
					return err
				}
				if s.output == "table" {
					makeRoom(s)
					fmt.Fprintf(s.out, "%s, every %v\n\n", time.Now().Format(time.TimeOnly), interval)
				}
				if err := s.show(&adminv1.ListPipelinesResponse{Pipelines: all}, func(t *table) { pipelines(t, all) }); err != nil {
					return err
				}
				if s.output == "table" {
					fmt.Fprintln(s.out)
					t := newTable(s.out)
					checkTable(t, all, least)
					if err := t.flush(); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
	watch.Flags().DurationVar(&interval, "interval", time.Second, "how often, 500ms to 1m")
	watch.Flags().IntVar(&times, "times", 0, "end after showing it this many times; 0 does not end")
	return watch
}

// watched follows the stream of one watch. One goroutine uses it.
type watched struct {
	cancel  context.CancelFunc
	changes chan *adminv1.WatchPipelinesResponse
	// failure is why changes was closed; read after that.
	failure error
	// now are the pipelines by their sources; nil before the first message.
	now map[string]*adminv1.Pipeline
}

func watchPipelines(ctx context.Context, s *session, q *adminv1.WatchPipelinesRequest) (*watched, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := s.admin().WatchPipelines(ctx, q)
	if err != nil {
		cancel()
		return nil, err
	}
	w := &watched{cancel: cancel, changes: make(chan *adminv1.WatchPipelinesResponse)}
	// without the stream the command cannot go on
	contain.Go("watch of pipelines", func() { w.receive(ctx, stream) }, func(err error) { panic(err) })
	return w, nil
}

func (w *watched) receive(ctx context.Context, stream grpc.ServerStreamingClient[adminv1.WatchPipelinesResponse]) {
	defer close(w.changes)
	for {
		change, err := stream.Recv()
		if err != nil {
			w.failure = err
			return
		}
		select {
		case w.changes <- change:
		case <-ctx.Done():
			w.failure = ctx.Err()
			return
		}
	}
}

// end ends the stream and waits for that.
func (w *watched) end() {
	w.cancel()
	for range w.changes {
	}
}

// next waits for interval, or the first time for the first message, and returns the pipelines
// sorted by source.
func (w *watched) next(interval time.Duration) ([]*adminv1.Pipeline, error) {
	if w.now == nil {
		w.now, interval = map[string]*adminv1.Pipeline{}, 0
		if err := w.take(<-w.changes); err != nil {
			return nil, err
		}
	}
	over := time.NewTimer(interval)
	defer over.Stop()
	for {
		select {
		case change := <-w.changes:
			if err := w.take(change); err != nil {
				return nil, err
			}
		case <-over.C:
			return slices.SortedFunc(maps.Values(w.now), func(a, b *adminv1.Pipeline) int {
				return strings.Compare(a.Source, b.Source)
			}), nil
		}
	}
}

// take applies a change; nil is the end of changes.
func (w *watched) take(change *adminv1.WatchPipelinesResponse) error {
	if change == nil {
		return w.failure
	}
	for _, p := range change.Pipelines {
		w.now[p.Source] = p
	}
	for _, source := range change.Deleted {
		delete(w.now, source)
	}
	return nil
}
