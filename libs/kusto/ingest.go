package kusto

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-kusto-go/azkustoingest"
	"github.com/Azure/azure-kusto-go/azkustoingest/ingestoptions"

	"github.com/calypso-cdc/calypso/libs/contain"
)

const (
	// uploadBlock is the block size of uploads in bytes: a smaller blob is one PUT, a larger one is staged in blocks.
	uploadBlock = 4 << 20
	// uploadParallel is how many blocks of one blob are uploaded at once.
	uploadParallel = 2
	// UploadMemory bounds the bytes of a blob that the SDK copies during its upload.
	UploadMemory = uploadBlock * uploadParallel
)

// Blob is rows ready to be ingested.
type Blob struct {
	Database string
	Table    string
	// Format is the service's name of the rows' format: multijson, csv, …
	Format string
	// Mapping names an ingestion mapping of the table; empty maps by name (or by position in csv).
	Mapping string
	// Data is the rows, compressed with gzip unless Plain.
	Data []byte
	// Plain is true if Data is not compressed with gzip, as for Avro, Parquet and ORC files, which
	// have their own compression.
	Plain bool
	// RawSize is the size before compression in bytes, without which the service could not batch.
	RawSize int64
	// Tag makes the ingestion happen once: it is put on the extent as ingest-by:<Tag>, and the
	// service skips the blob if the table has an extent with it. Empty for none. Not for streaming.
	Tag string
	// RequestID becomes x-ms-client-request-id.
	RequestID string
}

func (b *Blob) op() string { return fmt.Sprintf("ingest into %s.%s", b.Database, b.Table) }

// Formats returns the names of the formats that blobs can have.
func Formats() []string {
	return []string{"json", "singlejson", "multijson", "csv", "tsv", "tsve", "psv", "scsv", "sohsv", "txt", "raw", "avro",
		"apacheavro", "parquet", "orc", "w3clogfile"}
}

func dataFormat(name string) (azkustoingest.DataFormat, error) {
	switch strings.ToLower(name) {
	case "json":
		return azkustoingest.JSON, nil
	case "singlejson":
		return azkustoingest.SingleJSON, nil
	case "multijson":
		return azkustoingest.MultiJSON, nil
	case "csv":
		return azkustoingest.CSV, nil
	case "tsv":
		return azkustoingest.TSV, nil
	case "tsve":
		return azkustoingest.TSVE, nil
	case "psv":
		return azkustoingest.PSV, nil
	case "scsv":
		return azkustoingest.SCSV, nil
	case "sohsv":
		return azkustoingest.SOHSV, nil
	case "txt":
		return azkustoingest.TXT, nil
	case "raw":
		return azkustoingest.Raw, nil
	case "avro":
		return azkustoingest.AVRO, nil
	case "apacheavro":
		return azkustoingest.ApacheAVRO, nil
	case "parquet":
		return azkustoingest.Parquet, nil
	case "orc":
		return azkustoingest.ORC, nil
	case "w3clogfile":
		return azkustoingest.W3CLogFile, nil
	}
	return azkustoingest.DFUnknown, fmt.Errorf("format %q is unknown: take one of %s", name, strings.Join(Formats(), ", "))
}

// MappingKind returns the kind of ingestion mapping that a format uses: json, csv, avro, parquet,
// orc or w3clogfile.
func MappingKind(format string) string {
	switch f := strings.ToLower(format); f {
	case "json", "singlejson", "multijson":
		return "json"
	case "avro", "apacheavro":
		return "avro"
	case "parquet", "orc", "w3clogfile":
		return f
	}
	return "csv"
}

func (b *Blob) options() ([]azkustoingest.FileOption, error) {
	format, err := dataFormat(b.Format)
	if err != nil {
		return nil, &Error{Op: b.op(), Permanent: true, Err: err}
	}
	compression := ingestoptions.GZIP
	if b.Plain {
		compression = ingestoptions.CTNone
	}
	options := []azkustoingest.FileOption{
		azkustoingest.Database(b.Database), azkustoingest.Table(b.Table),
		azkustoingest.DontCompress(), azkustoingest.CompressionType(compression),
	}
	if b.Mapping != "" {
		return append(options, azkustoingest.IngestionMappingRef(b.Mapping, format)), nil
	}
	return append(options, azkustoingest.FileFormat(format)), nil
}

// Stream ingests a blob and returns when its rows can be queried. Delivery is at least once: if the
// answer is lost, it is unknown whether they are in the table. The service accepts at most 4 MB.
func (c *Client) Stream(ctx context.Context, b *Blob) error {
	options, err := b.options()
	if err != nil {
		return err
	}
	if b.RequestID != "" {
		options = append(options, azkustoingest.ClientRequestId(b.RequestID))
	}
	ctx, o := withOutcome(ctx)
	data := b.Data
	if b.Plain { // the SDK declares every request compressed
		if data, err = zip(data); err != nil {
			return err
		}
	}
	_, err = c.stream.FromReader(ctx, io.NopCloser(bytes.NewReader(data)), options...)
	return ofIngestion(fail(ctx, "streaming, "+b.op(), o, err))
}

func zip(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(data)
	err = errors.Join(err, w.Close())
	return out.Bytes(), err
}

// Queued is an ingestion that the service has accepted and not yet finished.
type Queued struct {
	op       string
	result   *azkustoingest.Result
	interval time.Duration
	// moved is called if the storage that holds the status has moved.
	moved func() error
	ended bool
	// unread is why the last request for the status failed; nil if it did not.
	unread error
}

// Unread returns why Wait could not read the status the last time; nil if it could.
func (q *Queued) Unread() error { return q.unread }

// Ended reports whether Wait has seen the end of the ingestion.
func (q *Queued) Ended() bool { return q.ended }

// Result is the outcome of a queued ingestion.
type Result struct {
	// Skipped is true if the table had the blob's tag already.
	Skipped bool
	// Ending is what the service said about the end.
	Ending Ending
}

// Ending is the end of a queued ingestion in the service's own words; what it did not say is empty.
type Ending struct {
	Status, Code, FailureStatus, Details string
}

// Enqueue uploads a blob and queues its ingestion. When it returns without error the service has
// accepted the blob; Wait tells whether the rows were ingested.
func (c *Client) Enqueue(ctx context.Context, b *Blob) (*Queued, error) {
	options, err := b.options()
	if err != nil {
		return nil, err
	}
	options = append(options, azkustoingest.RawDataSize(b.RawSize), azkustoingest.ReportResultToTable())
	if b.Tag != "" {
		exists, err := json.Marshal([]string{b.Tag})
		if err != nil {
			return nil, err
		}
		options = append(options, azkustoingest.Tags([]string{"ingest-by:" + b.Tag}),
			azkustoingest.IfNotExists(string(exists)))
	}
	if b.RequestID != "" {
		ctx = WithClientRequestID(ctx, b.RequestID)
	}
	ctx, o := withOutcome(ctx)
	client := c.queued.client()
	result, err := detach(ctx, func() (*azkustoingest.Result, error) {
		return client.FromReader(ctx, bytes.NewReader(b.Data), options...)
	})
	if err != nil {
		err = ofIngestion(fail(ctx, "queueing, "+b.op(), o, err))
		if VerdictOf(err) == StorageMoved {
			err = errors.Join(err, c.queued.renew(client))
		}
		return nil, err
	}
	return &Queued{op: b.op(), result: result, interval: c.cfg.StatusInterval,
		moved: func() error { return c.queued.renew(client) }}, nil
}

// detach runs call and returns its result, or ctx's end if that is sooner: the SDK sleeps up to 40
// s in fixed pauses that look at no context when the ingestion resources cannot be fetched. The
// call left behind ends by itself.
func detach[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	contain.Go("call of the ingestion SDK", func() {
		value, err := call()
		done <- answer{value, err}
	}, func(err error) {
		var zero T
		done <- answer{zero, err}
	})
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
}

const (
	// longestPause bounds the pause between two requests for a status.
	longestPause = time.Minute
	// lookPatience is how long one request may take, unreadable how many of them may fail in a row.
	lookPatience = 30 * time.Second
	unreadable   = 5
)

// Wait returns when the service has finished the ingestion; the result has the service's words even
// if there is an error. VerdictOf tells what an error means. If the service drops a blob because of
// its tag, the status is Skipped, or Failed with a code of its own: the service does both
// (Azure/azure-kusto-spark, FinalizeHelper.scala).
//
// The table of statuses is not made for many requests
// (learn.microsoft.com/kusto/api/netfx/kusto-ingest-client-status), so the longer an ingestion
// takes, the longer are the pauses: a quarter of the time that it has taken, and not the same for
// all.
func (q *Queued) Wait(ctx context.Context) (Result, error) {
	begun, failures := time.Now(), 0
	rest(ctx, q.pause(0))
	for {
		pause := q.pause(time.Since(begun))
		record, err := q.look(ctx, pause)
		if ctx.Err() == nil || ObstacleOf(err) == Throttling { // else the look may have had no time
			q.unread = err
		}
		switch {
		case ctx.Err() != nil:
			return Result{}, fmt.Errorf("%s: wait for the final status: %w", q.op, context.Cause(ctx))
		case err == nil && record == nil:
			failures = 0
		case err == nil:
			return q.final(record)
		default:
			if failures++; failures == unreadable || VerdictOf(err) == StorageMoved {
				return Result{}, err
			}
			rest(ctx, pause)
		}
	}
}

// pause returns how long to wait before the next request for the status of an ingestion that has
// taken this long.
func (q *Queued) pause(taken time.Duration) time.Duration {
	p := min(max(q.interval, taken/4), longestPause)
	return p - p/8 + rand.N(p/4+1)
}

func rest(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// look asks for the status once and returns it if it is final, or nil after a pause. The SDK keeps
// asking until it has a final one, so it is stopped after the pause; and it treats a result whose
// wait was given up as ended, so each look uses a copy.
func (q *Queued) look(ctx context.Context, pause time.Duration) (record, err error) {
	looking, cancel := context.WithTimeout(ctx, lookPatience+pause)
	defer cancel()
	looking, o := withOutcome(looking)
	var answered atomic.Bool
	o.read = func() {
		answered.Store(true)
		time.AfterFunc(pause, cancel)
	}
	result := *q.result
	record = <-result.Wait(looking, azkustoingest.WithImmediateFirst(), azkustoingest.WithInterval(time.Hour),
		azkustoingest.WithRetryBackoffDelay())
	if record == nil {
		return errSucceeded, nil
	}
	switch status, err := azkustoingest.GetIngestionStatus(record); {
	case err == nil && status != azkustoingest.StatusRetrievalFailed && status != azkustoingest.StatusRetrievalCanceled:
		return record, nil
	case answered.Load():
		return nil, nil
	}
	// The storage's answer is reported even if ctx has ended the request.
	err = ofIngestion(fail(context.WithoutCancel(ctx), q.op+": the final status could not be read", o,
		errors.New(redact(detailsOf(record)))))
	if VerdictOf(err) == StorageMoved {
		err = errors.Join(err, q.moved())
	}
	return nil, err
}

// errSucceeded represents the record of an ingestion that succeeded, for which the SDK returns
// none.
var errSucceeded = errors.New("succeeded")

// final reads the record of an ingestion that has ended.
func (q *Queued) final(record error) (Result, error) {
	q.ended = true
	if errors.Is(record, errSucceeded) {
		return Result{Ending: Ending{Status: string(azkustoingest.Succeeded)}}, nil
	}
	status, _ := azkustoingest.GetIngestionStatus(record)
	code, _ := azkustoingest.GetErrorCode(record)
	failure, _ := azkustoingest.GetIngestionFailureStatus(record)
	result := Result{Ending: Ending{Status: string(status), Code: said(code), FailureStatus: said(string(failure)),
		Details: said(redact(detailsOf(record)))}}
	switch status {
	case azkustoingest.Skipped:
		result.Skipped = true
		return result, nil
	case azkustoingest.PartiallySucceeded:
		// Some of the rows are in the table, so they must not be sent again in halves or under another
		// tag.
		code = string(azkustoingest.PartiallySucceeded)
	}
	failed := &Error{Op: q.op, Code: code, Message: fmt.Sprintf("the service ended the ingestion as %s: %s", status,
		redact(detailsOf(record)))}
	if VerdictOf(failed) == Present {
		result.Skipped = true
		return result, nil
	}
	return result, ofIngestion(failed)
}

// said returns a field of the status, or "" for the SDK's word for none.
func said(text string) string {
	if text == "Unknown" || text == "Undefined" {
		return ""
	}
	return text
}

// detailsOf finds the service's sentence in the SDK's printed status record, which has no accessor for it.
func detailsOf(err error) string {
	const field = "Details:"
	text := err.Error()
	i := strings.Index(text, field)
	if i < 0 {
		return text
	}
	text = strings.TrimSpace(text[i+len(field):])
	if end := strings.Index(text, ",\n"); end >= 0 {
		text = text[:end]
	}
	return strings.Trim(strings.TrimSpace(text), `"`)
}

// CanQueue returns an error if the cluster does not accept queued ingestion, such as the Kusto
// emulator, which has no data management service.
func (c *Client) CanQueue(ctx context.Context) error {
	_, err := manage(ctx, c.dm, "NetDefaultDB", ".get ingestion resources",
		[]string{"ResourceTypeName", "StorageRoot"})
	return err
}

// Inline ingests rows of text within a command, synchronously, for servers that accept no queued
// ingestion. Each record must be one line. With a tag it happens once, as in Enqueue.
func (c *Client) Inline(ctx context.Context, b *Blob, text []byte) error {
	properties := []string{"format='" + b.Format + "'"}
	if b.Mapping != "" {
		properties = append(properties, "ingestionMappingReference="+QuoteString(b.Mapping))
	}
	if b.Tag != "" {
		tags, err := json.Marshal([]string{"ingest-by:" + b.Tag})
		if err != nil {
			return err
		}
		exists, err := json.Marshal([]string{b.Tag})
		if err != nil {
			return err
		}
		properties = append(properties, "tags="+QuoteString(string(tags)), "ingestIfNotExists="+QuoteString(string(exists)))
	}
	command := ".ingest inline into table " + QuoteName(b.Table) + " with (" + strings.Join(properties,
		", ") + ") <|\n" + string(text)
	_, err := c.Manage(ctx, b.Database, command)
	if err = ofIngestion(err); b.Tag != "" && VerdictOf(err) == Present {
		return nil
	}
	return err
}
