package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/ledger"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"
)

// bisection looks for the rows of one batch that the cluster refuses.
type bisection struct {
	in       *Ingester
	to       *target.Table
	tp       batch.Source
	streamed bool
	divide   func(c ledger.Cut, middle int64) error
	// setAside are the offsets of records that are set aside and no longer part of the batch.
	setAside map[int64]bool
	// refused counts the rows that were found.
	refused int
	// through is the offset before which everything is in the table or set aside; 0 at first.
	through int64
}

// bisect ingests a range that was refused as a whole, half by half.
func (r *bisection) bisect(ctx context.Context, c ledger.Cut, refusal error) error {
	b, only, err := r.reread(ctx, c)
	if err != nil || b.Rows == 0 {
		return err
	}
	if b.Rows == 1 {
		r.through = only.Offset
		if r.refused++; r.refused > maxRefused {
			return retry.Permanent(
				fmt.Errorf(
					"the cluster refuses more than %d rows of one batch, so the fault is probably in the table or its mapping: %w", maxRefused, refusal))
		}
		return r.in.SetAside(ctx, []batch.Refused{{Record: only, Reason: refusal}})
	}
	middle := c.First + (c.End-c.First)/2
	if err := r.divide(c, middle); err != nil {
		return err
	}
	for _, half := range []ledger.Cut{{First: c.First, End: middle, Bare: c.Bare},
		{First: middle, End: c.End, Bare: c.Bare}} {
		part, _, err := r.reread(ctx, half)
		if err != nil {
			return err
		}
		if part.Rows == 0 {
			r.through = half.End
			continue
		}
		part.Streamed = r.streamed
		err = r.in.ingest(ctx, r.to, r.tp, part)
		if RowsRefused(err) {
			err = r.bisect(ctx, half, err)
		}
		if err != nil {
			return err
		}
		r.through = half.End
		r.in.Failpoints.Pass("after_half")
	}
	return nil
}

// reread fetches a range again and makes a batch of it, without the records that are set aside.
// Records that no longer make a row, because the table or a schema has changed since they were
// first read, are set aside too. It returns the record of some row: of the only one, if there is
// just one.
func (r *bisection) reread(ctx context.Context, c ledger.Cut) (b *batch.Batch, of *kgo.Record, err error) {
	client, err := r.in.Env.Kafka(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.tp.Topic: {r.tp.Partition: kgo.NewOffset().At(c.First)}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxPartitionBytes(4<<20),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	b = &batch.Batch{Cut: c, Version: r.to.Version()}
	enc := row.NewEncoder(r.in.Spec.NewRows(r.to.Route), r.to.Rows())
	var refused []batch.Refused
	setAside := func() error {
		if err := r.in.stillThere(ctx, client, r.tp.Topic); err != nil {
			return err
		}
		if err := r.in.SetAside(ctx, refused); err != nil {
			return err
		}
		for _, one := range refused {
			r.setAside[one.Record.Offset] = true
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
			if next = record.Offset + 1; next > c.End || r.setAside[record.Offset] {
				continue
			}
			before := b.Rows
			refusal, err := r.in.Add(ctx, b, enc, record)
			switch {
			case err != nil:
				return nil, nil, err
			case refusal != nil:
				if refused = append(refused, batch.Refused{Record: batch.Copy(record),
					Reason: refusal}); len(refused) < MaxRefused {
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

// poll reads the next records of a range; none once all are read.
func (r *bisection) poll(ctx context.Context, client *kgo.Client, c ledger.Cut, next int64) ([]*kgo.Record, error) {
	for {
		wait, cancel := context.WithTimeout(ctx, time.Second)
		fetches := client.PollFetches(wait)
		cancel()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		for _, f := range fetches.Errors() {
			if !errors.Is(f.Err, context.DeadlineExceeded) {
				return nil, fmt.Errorf("read offsets %s of partition %d of %s again: %w", c, r.tp.Partition, r.tp.Topic, f.Err)
			}
		}
		if fetches.NumRecords() > 0 {
			return fetches.Records(), nil
		}
		// Late records are waited for; compaction may have taken the rest.
		empty, err := kafka.Empty(ctx, client, r.tp.Topic, r.tp.Partition, next, c.End)
		if empty && err == nil {
			return nil, nil
		}
		if err != nil {
			if err := r.in.stillThere(ctx, client, r.tp.Topic); err != nil {
				return nil, err
			}
		}
	}
}

// stillThere makes sure that what was just read is from the topic that the task reads, and not from
// one that was recreated under its name.
func (t *Ingester) stillThere(ctx context.Context, client *kgo.Client, topic string) error {
	known := t.TopicID(topic)
	if known == "" {
		return nil
	}
	return t.Retry.Do(ctx, func(ctx context.Context) error {
		topics, err := kadm.NewClient(client).ListTopics(ctx, topic)
		if err != nil {
			return err
		}
		if id := topics[topic].ID.String(); topics[topic].Err == nil && id != known {
			return retry.Permanent(
				fmt.Errorf(
					"the cluster refuses rows of a batch of topic %s, and they cannot be looked for: the topic was deleted and made again meanwhile", topic))
		}
		return topics[topic].Err
	})
}
