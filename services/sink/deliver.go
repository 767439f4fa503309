package sink

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/ledger"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"
)

const (
	// maxStreamed is how many bytes of rows a streaming request may carry: the service takes 4 MB.
	maxStreamed = 3 << 20
	// streamTries is how often streaming is tried before the batch is queued instead.
	streamTries = 3
	// maxPoison is how many rows of one batch may be refused by the cluster before that is taken for a fault of the table.
	maxPoison = 100
)

// deliver brings a batch's rows into the table. Outages are waited for. Where the cluster refuses the rows for good, the range is
// halved until the refused rows are alone, and these are set aside. divide is told each halving before a half is sent.
func (t *task) deliver(ctx context.Context, to *target.Table, tp batch.Source, b *batch.Batch, divide func(c ledger.Cut, middle int64) error) error {
	begun := time.Now()
	ctx, end := t.trace(ctx, to, tp, b)
	err := t.ingest(ctx, to, tp, b)
	if rowsRefused(err) {
		t.env.Logger.Warn("the cluster refuses a batch; looking for the rows at fault", "topic", tp.Topic, "partition", tp.Partition, telemetry.Passing("offsets", b.Cut.String()), "err", err)
		r := &refinery{task: t, to: to, tp: tp, streamed: b.Streamed, divide: divide, aside: map[int64]bool{}}
		for _, refused := range b.Refused {
			r.aside[refused.Record.Offset] = true
		}
		err = r.refine(ctx, b.Cut, err)
	}
	end(err)
	t.o.meters.Processed(ctx, t.s.Group, tp.Topic, time.Since(begun), err)
	return err
}

// rowsRefused says that the cluster will never take these rows, while it would take others.
func rowsRefused(err error) bool {
	return !retry.IsPermanent(err) && kusto.VerdictOf(err) == kusto.RowsRefused
}

// refinery looks for the rows of one batch that the cluster refuses.
type refinery struct {
	*task
	to       *target.Table
	tp       batch.Source
	streamed bool
	divide   func(c ledger.Cut, middle int64) error
	// aside are the offsets of records that are set aside, and no part of the batch any more.
	aside map[int64]bool
	// poison counts the rows found.
	poison int
}

// refine ingests a range that was refused as a whole by its halves.
func (r *refinery) refine(ctx context.Context, c ledger.Cut, refusal error) error {
	b, only, err := r.reread(ctx, c)
	if err != nil || b.Rows == 0 {
		return err
	}
	if b.Rows == 1 {
		if r.poison++; r.poison > maxPoison {
			return retry.Permanent(fmt.Errorf("the cluster refuses more than %d rows of one batch, so it is rather the table or its mapping that is at fault: %w", maxPoison, refusal))
		}
		return r.setAside(ctx, []batch.Refused{{Record: only, Reason: refusal}})
	}
	middle := c.First + (c.End-c.First)/2
	if err := r.divide(c, middle); err != nil {
		return err
	}
	for _, half := range []ledger.Cut{{First: c.First, End: middle, Bare: c.Bare}, {First: middle, End: c.End, Bare: c.Bare}} {
		part, _, err := r.reread(ctx, half)
		if err != nil {
			return err
		}
		if part.Rows == 0 {
			continue
		}
		part.Streamed = r.streamed
		err = r.ingest(ctx, r.to, r.tp, part)
		if rowsRefused(err) {
			err = r.refine(ctx, half, err)
		}
		if err != nil {
			return err
		}
		r.o.Failpoints.Pass("after_half")
	}
	return nil
}

// reread fetches a range again and makes a batch of it, without what is set aside. Records that make no row now, as the table or a schema has
// changed since they were read first, are set aside. It returns the record of a row, the only one where there is just one.
func (r *refinery) reread(ctx context.Context, c ledger.Cut) (b *batch.Batch, of *kgo.Record, err error) {
	client, err := r.env.Kafka(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.tp.Topic: {r.tp.Partition: kgo.NewOffset().At(c.First)}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxPartitionBytes(4<<20), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	b = &batch.Batch{Cut: c}
	enc := row.NewEncoder(r.s.NewRows(r.to.Route), r.to.Rows())
	var refused []batch.Refused
	setAside := func() error {
		if err := r.stillThere(ctx, client, r.tp.Topic); err != nil {
			return err
		}
		if err := r.setAside(ctx, refused); err != nil {
			return err
		}
		for _, one := range refused {
			r.aside[one.Record.Offset] = true
		}
		refused = nil
		return nil
	}
	for next := c.First; next < c.End; {
		records, err := r.poll(ctx, client, c, next)
		if err != nil {
			return nil, nil, err
		}
		if len(records) == 0 {
			break
		}
		for _, record := range records {
			if next = record.Offset + 1; next > c.End || r.aside[record.Offset] {
				continue
			}
			before := b.Rows
			refusal, err := r.add(ctx, b, enc, record)
			switch {
			case err != nil:
				return nil, nil, err
			case refusal != nil:
				if refused = append(refused, batch.Refused{Record: batch.Copy(record), Reason: refusal}); len(refused) < maxRefused {
					continue
				}
				if err := setAside(); err != nil {
					return nil, nil, err
				}
			case b.Rows > before:
				of = record
			}
		}
	}
	if err := setAside(); err != nil {
		return nil, nil, err
	}
	b.Close()
	return b, of, nil
}

// poll reads the next records of a range; none where it holds no more of them.
func (r *refinery) poll(ctx context.Context, client *kgo.Client, c ledger.Cut, next int64) ([]*kgo.Record, error) {
	for {
		wait, cancel := context.WithTimeout(ctx, time.Second)
		fetches := client.PollFetches(wait)
		cancel()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		for _, f := range fetches.Errors() {
			if !errors.Is(f.Err, context.DeadlineExceeded) {
				return nil, fmt.Errorf("reading offsets %s of partition %d of %s again: %w", c, r.tp.Partition, r.tp.Topic, f.Err)
			}
		}
		if fetches.NumRecords() > 0 {
			return fetches.Records(), nil
		}
		// What is late is waited for; compaction may have taken the rest.
		empty, err := kafka.Empty(ctx, client, r.tp.Topic, r.tp.Partition, next, c.End)
		if empty && err == nil {
			return nil, nil
		}
		if err != nil {
			if err := r.stillThere(ctx, client, r.tp.Topic); err != nil {
				return nil, err
			}
		}
	}
}

// add makes a record's row part of a batch, once what it takes to read it is there. A refusal says that the record is no row.
func (t *task) add(ctx context.Context, b *batch.Batch, enc *row.Encoder, r *kgo.Record) (refusal, err error) {
	refusal = b.Add(enc, r)
	for away := (*record.Unavailable)(nil); refusal != nil && errors.As(refusal, &away); {
		// What is needed to read the record is away, which is no fault of the record's: it is waited for.
		if err := t.retry.Do(ctx, func(context.Context) error { return t.readable(r) }); err != nil {
			return nil, err
		}
		refusal = b.Add(enc, r)
	}
	return refusal, nil
}

// readable tries whether what it takes to read a record, such as a registry of schemas, is there. A record that is at fault itself is
// not what it looks for.
func (t *task) readable(r *kgo.Record) error {
	transform := t.s.NewRows(route.Route{}).Transform // a chain of its own, since chains are not shared
	if transform == nil || r.Value == nil || r.Attrs.IsControl() {
		return nil
	}
	var away *record.Unavailable
	if _, err := transform(r); errors.As(err, &away) {
		return err
	}
	return nil
}

// stillThere makes sure that what was just read is of the topic that the task reads, and not of one that was made anew under its name.
func (t *task) stillThere(ctx context.Context, client *kgo.Client, topic string) error {
	known := t.topicID(topic)
	if known == "" {
		return nil
	}
	return t.retry.Do(ctx, func(ctx context.Context) error {
		topics, err := kadm.NewClient(client).ListTopics(ctx, topic)
		if err != nil {
			return err
		}
		if id := topics[topic].ID.String(); topics[topic].Err == nil && id != known {
			return retry.Permanent(fmt.Errorf("the cluster refuses rows of a batch of topic %s, and they cannot be looked for: the topic was deleted and made anew meanwhile", topic))
		}
		return topics[topic].Err
	})
}

// ingest sends a batch, where delivery is exactly once under its tag.
func (t *task) ingest(ctx context.Context, to *target.Table, tp batch.Source, b *batch.Batch) error {
	blob, err := t.blob(ctx, to, b)
	if err != nil {
		return err
	}
	if blob.Plain {
		t.memory.Hold(int64(cap(blob.Data)))
		defer t.memory.Hold(-int64(cap(blob.Data)))
	}
	if t.s.Exact {
		blob.Tag = t.tag(tp, b.Cut)
	}
	return (&sending{task: t, to: to, blob: blob, stream: b.Streamed, doubtful: b.Recorded}).run(ctx)
}

// tag is the name of a cut's rows in their table. The topic's id is part of it, so a topic that is deleted and made anew does not inherit
// the tags of the old one; and the consumer group, so that of two connectors which bring one topic into one table each has its own. A
// batch that is streamed has one for the case that it must be queued.
func (t *task) tag(tp batch.Source, c ledger.Cut) string {
	tag := fmt.Sprintf("%s/%d/%s", tp.Topic, tp.Partition, c)
	if id := t.topicID(tp.Topic); id != "" {
		tag += "@" + id
	}
	if !c.Bare {
		tag += "/" + url.PathEscape(t.s.Group)
	}
	return tag
}

// blob is what is sent of a closed batch.
func (t *task) blob(ctx context.Context, to *target.Table, b *batch.Batch) (*kusto.Blob, error) {
	blob := &kusto.Blob{
		Database: to.Route.Database, Table: to.Route.Table, Format: spec.WireFormat(to.Route.Format), Mapping: to.MappingName(),
		Data: b.Gz.Bytes(), RawSize: b.Size,
	}
	if spec.IsFile(to.Route.Format) {
		var err error
		if blob.Data, err = to.File(ctx, b); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			return nil, retry.Permanent(fmt.Errorf("topic %s goes to %s.%s as %s: %w", to.Route.Topic, to.Route.Database, to.Route.Table, to.Route.Format, err))
		}
		blob.Plain = true
	}
	return blob, nil
}

// sending is a blob on its way into the table.
type sending struct {
	*task
	to   *target.Table
	blob *kusto.Blob
	// stream has it streamed first.
	stream bool
	// doubtful says that it may have been sent before, by somebody who did not see the end of that.
	doubtful bool
	// unended are earlier attempts whose end is not known yet.
	unended []*kusto.Queued
}

// run ingests the blob until it is in the table or refused for good.
func (s *sending) run(ctx context.Context) error {
	s.blob.RequestID = requestID(ctx, "ingest")
	tries := 0
	err := s.retry.Do(ctx, func(ctx context.Context) error {
		s.doubtful = s.doubtful || tries > 0
		tries++
		begun := time.Now()
		err := s.once(ctx, s.stream && tries <= streamTries)
		s.o.meters.Attempt(ctx, s.to.Mode, s.blob, time.Since(begun), err)
		return s.to.Judged(err)
	})
	if err == nil && s.doubtful && s.blob.Tag != "" {
		s.to.SentAgain(s.blob.Tag)
	}
	return err
}

// once sends the blob one time: streamed, queued, or as the server needs it.
func (s *sending) once(ctx context.Context, stream bool) error {
	switch {
	case s.to.Mode == spec.ModeInline && s.blob.Plain:
		return retry.Permanent(fmt.Errorf("the server takes rows within commands only, which must be text: set format json or csv instead of %s", s.blob.Format))
	case s.to.Mode == spec.ModeInline:
		return s.memory.Expand(ctx, memory.InlineFactor*s.blob.RawSize, func() error {
			text, err := target.Unzip(s.blob.Data)
			if err != nil {
				return err
			}
			return s.client.Inline(ctx, s.blob, text)
		})
	case stream:
		err := s.client.Stream(ctx, s.blob)
		if kusto.QueueInstead(err) {
			s.to.Rest(time.Now())
			return s.queue(ctx)
		}
		return err
	}
	return s.queue(ctx)
}

// lastLook is how long an earlier attempt whose end was not seen is looked at before the blob is sent again.
const lastLook = 10 * time.Second

func (s *sending) queue(ctx context.Context) error {
	if ended, err := s.earlier(ctx); ended {
		return err
	}
	copied := min(int64(len(s.blob.Data)), kusto.UploadMemory)
	s.memory.Hold(copied)
	q, err := s.client.Enqueue(ctx, s.blob)
	s.memory.Hold(-copied)
	if err != nil {
		return err
	}
	s.o.Failpoints.Pass("after_enqueue")
	if err = s.await(ctx, q, s.s.StatusTimeout); err != nil && !q.Ended() {
		s.unended = append(s.unended, q)
	}
	s.o.Failpoints.Pass("after_status")
	return err
}

// earlier looks whether an attempt that was given up has ended well, or refused the rows, meanwhile. Two under one tag at once are not to be:
// whether ADX tells one of them is not promised.
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
		return &kusto.Error{Op: fmt.Sprintf("ingest into %s.%s", s.blob.Database, s.blob.Table), Message: fmt.Sprintf("the cluster has not said within %s what became of a batch; it is sent again", patience)}
	}
	if result.Skipped {
		s.o.meters.Skipped(ctx, s.blob)
	}
	return err
}
