package ingest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"
)

// Send brings a blob into a table, under its tag where it has one.
func (t *Ingester) Send(ctx context.Context, to *target.Table, blob *kusto.Blob) error {
	return (&sending{in: t, to: to, blob: blob}).run(ctx)
}

// sending is a blob on its way into the table.
type sending struct {
	in   *Ingester
	to   *target.Table
	blob *kusto.Blob
	// stream has it streamed first.
	stream bool
	// doubtful says that it may have been sent before, with unknown outcome.
	doubtful bool
	// unended are earlier attempts whose end is not known yet.
	unended []*kusto.Queued
}

// run ingests the blob until it is in the table or refused for good.
func (s *sending) run(ctx context.Context) error {
	s.blob.RequestID = requestID(ctx, "ingest")
	tries := 0
	err := s.in.Retry.Do(ctx, func(ctx context.Context) error {
		s.doubtful = s.doubtful || tries > 0
		tries++
		begun := time.Now()
		err := s.attempt(ctx, s.stream && tries <= streamTries)
		s.in.Meters.Attempt(ctx, s.to.Mode, s.blob, time.Since(begun), err)
		return s.to.Explain(err)
	})
	if err == nil && s.doubtful && s.blob.Tag != "" {
		s.to.SentAgain(s.blob.Tag)
	}
	return err
}

// attempt sends the blob once: streamed, queued, or as the server needs it.
func (s *sending) attempt(ctx context.Context, stream bool) error {
	switch {
	case s.to.Mode == spec.ModeInline && s.blob.Plain:
		return retry.Permanent(
			fmt.Errorf("the server takes rows within commands only, which must be text: set format json or csv instead of %s",
				s.blob.Format))
	case s.to.Mode == spec.ModeInline:
		return s.in.Memory.Expand(ctx, memory.InlineFactor*s.blob.RawSize, func() error {
			text, err := target.Unzip(s.blob.Data)
			if err != nil {
				return err
			}
			return s.in.Client.Inline(ctx, s.blob, text)
		})
	case stream:
		err := s.in.Client.Stream(ctx, s.blob)
		if kusto.QueueInstead(err) {
			s.to.Pace.Pause(time.Now())
			return s.queue(ctx)
		}
		return err
	}
	return s.queue(ctx)
}

// lastLook is how long an earlier attempt with unknown outcome is watched before the blob is sent
// again.
const lastLook = 10 * time.Second

func (s *sending) queue(ctx context.Context) error {
	if ended, err := s.earlier(ctx); ended {
		return err
	}
	copied := min(int64(len(s.blob.Data)), kusto.UploadMemory)
	s.in.Memory.Hold(copied)
	q, err := s.in.Client.Enqueue(ctx, s.blob)
	s.in.Memory.Hold(-copied)
	if err != nil {
		return err
	}
	s.in.Failpoints.Pass("after_enqueue")
	if err = s.await(ctx, q, s.in.Spec.StatusTimeout); err != nil && !q.Ended() {
		s.unended = append(s.unended, q)
	}
	s.in.Failpoints.Pass("after_status")
	return err
}

// earlier checks whether an attempt that was given up has succeeded after all, or refused the rows,
// meanwhile. There must not be two under one tag at once: ADX does not promise to recognise that.
func (s *sending) earlier(ctx context.Context) (ended bool, err error) {
	for _, q := range s.unended {
		err = s.await(ctx, q, lastLook)
		if ended = q.Ended() && kusto.VerdictOf(err) != kusto.Again; ended {
			break
		}
	}
	s.unended = slices.DeleteFunc(s.unended, (*kusto.Queued).Ended)
	return ended, err
}

// await waits for the end of a queued ingestion.
func (s *sending) await(ctx context.Context, q *kusto.Queued, patience time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	result, err := q.Wait(waiting)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return &kusto.Error{Op: fmt.Sprintf("ingest into %s.%s", s.blob.Database, s.blob.Table),
			Message: fmt.Sprintf("the cluster has not said within %s what became of a batch; it is sent again", patience)}
	}
	if result.Skipped {
		s.in.Meters.Skipped(ctx, s.blob)
	}
	return err
}

// MaxRefused bounds how many refused records, which are kept whole, one batch may hold.
const MaxRefused = 1000
