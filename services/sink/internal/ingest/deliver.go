package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"

	"github.com/twmb/franz-go/pkg/kgo"

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
	// MaxStreamed is how many bytes of rows a streaming request may carry: the service takes 4 MB.
	MaxStreamed = 3 << 20
	// streamTries is how often streaming is tried before the batch is queued instead.
	streamTries = 3
	// maxRefused is how many rows of one batch the cluster may refuse before the table is taken to
	// be at fault.
	maxRefused = 100
)

// Ingester brings the batches of a task's partitions into their tables.
type Ingester struct {
	Env        connector.TaskEnv
	Spec       *spec.Spec
	Client     *kusto.Client
	Retry      *retry.Retrier
	Memory     *memory.Share
	Meters     *status.Meters
	Tracer     trace.Tracer
	Failpoints *failpoint.Set
	// TopicID is the id that brokers give a topic; empty on brokers that give none.
	TopicID func(topic string) string
	// SetAside does with records that cannot be delivered what the user chose.
	SetAside func(ctx context.Context, records []batch.Refused) error
}

// Deliver brings a batch's rows into the table. Outages are waited out. Where the cluster refuses
// the rows for good, the range is halved until the refused rows are alone, and these are set aside.
// divide is called for each halving before a half is sent. After an error b.Through says how far the
// rows came nevertheless.
func (t *Ingester) Deliver(ctx context.Context, to *target.Table, tp batch.Source, b *batch.Batch,
	divide func(c ledger.Cut, middle int64) error) error {
	begun := time.Now()
	ctx, end := t.trace(ctx, to, tp, b)
	err := t.ingest(ctx, to, tp, b)
	if RowsRefused(err) {
		t.Env.Logger.Warn("the cluster refuses a batch; looking for the rows at fault", "topic", tp.Topic, "partition",
			tp.Partition, telemetry.Passing("offsets", b.Cut.String()), "err", err)
		r := &bisection{in: t, to: to, tp: tp, streamed: b.Streamed, divide: divide, setAside: map[int64]bool{}}
		for _, refused := range b.Refused {
			r.setAside[refused.Record.Offset] = true
		}
		err = r.bisect(ctx, b.Cut, err)
		b.Through = r.through
	}
	end(err)
	t.Meters.Processed(ctx, t.Spec.Group, tp.Topic, time.Since(begun), err)
	return err
}

// RowsRefused reports whether the cluster will never take these rows, but would take others.
func RowsRefused(err error) bool {
	return !retry.IsPermanent(err) && kusto.VerdictOf(err) == kusto.RowsRefused
}

// Add adds a record's row to a batch, once what is needed to read it is available. A refusal says
// that the record makes no row.
func (t *Ingester) Add(ctx context.Context, b *batch.Batch, enc *row.Encoder, r *kgo.Record) (refusal, err error) {
	refusal = b.Add(enc, r, nil)
	for away := (*record.Unavailable)(nil); refusal != nil && errors.As(refusal, &away); {
		// What is needed to read the record is not available, which is not the record's fault: it
		// is waited for.
		if err := t.Retry.Do(ctx, func(context.Context) error { return t.Readable(r) }); err != nil {
			return nil, err
		}
		refusal = b.Add(enc, r, nil)
	}
	return refusal, nil
}

// Readable checks that what is needed to read a record, such as a schema registry, is available. It
// does not look for faults of the record itself.
func (t *Ingester) Readable(r *kgo.Record) error {
	transform := t.Spec.NewRows(route.Route{}).Transform // a chain of its own, since chains are not shared
	if transform == nil || r.Value == nil || r.Attrs.IsControl() {
		return nil
	}
	var away *record.Unavailable
	if _, err := transform(r); errors.As(err, &away) {
		return err
	}
	return nil
}

// ingest sends a batch, under its tag where delivery is exactly once.
func (t *Ingester) ingest(ctx context.Context, to *target.Table, tp batch.Source, b *batch.Batch) error {
	blob, err := t.Blob(ctx, to, b)
	if err != nil {
		return err
	}
	if blob.Plain {
		t.Memory.Hold(int64(cap(blob.Data)))
		defer t.Memory.Hold(-int64(cap(blob.Data)))
	}
	if t.Spec.Exact {
		blob.Tag = t.tag(tp, b.Cut)
	}
	defer to.Retypes.Sending(b.Version)()
	return (&sending{in: t, to: to, blob: blob, stream: b.Streamed, doubtful: b.Recorded}).run(ctx)
}

// tag is the name of a cut's rows in their table. The topic's id is part of it, so a topic that is
// deleted and recreated does not inherit the tags of the old one; and so is the consumer group, so
// two connectors that bring one topic into one table have their own tags. A batch that is streamed
// has a tag in case it must be queued.
func (t *Ingester) tag(tp batch.Source, c ledger.Cut) string {
	tag := fmt.Sprintf("%s/%d/%s", tp.Topic, tp.Partition, c)
	if id := t.TopicID(tp.Topic); id != "" {
		tag += "@" + id
	}
	if !c.Bare {
		tag += "/" + url.PathEscape(t.Spec.Group)
	}
	return tag
}

// Blob is what is sent of a closed batch.
func (t *Ingester) Blob(ctx context.Context, to *target.Table, b *batch.Batch) (*kusto.Blob, error) {
	blob := &kusto.Blob{
		Database: to.Route.Database, Table: to.Route.Table, Format: spec.WireFormat(to.Route.Format),
		Mapping: to.MappingName(),
		Data:    b.Gz.Bytes(), RawSize: b.Size,
	}
	if spec.IsFile(to.Route.Format) {
		var err error
		if blob.Data, err = to.File(ctx, b); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			return nil, retry.Permanent(fmt.Errorf("topic %s goes to %s.%s as %s: %w", to.Route.Topic, to.Route.Database,
				to.Route.Table, to.Route.Format, err))
		}
		blob.Plain = true
	}
	return blob, nil
}
