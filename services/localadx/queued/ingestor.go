package queued

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx/azstorage"
	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
	"github.com/calypso-cdc/calypso/services/localadx/ingest"
	"github.com/calypso-cdc/calypso/services/localadx/source"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// Back-off between tries of a batch that failed for a reason that may pass, such as a full disk.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// maxTries is how often something is tried that may succeed another time, such as the download of a
// blob from another server.
const maxTries = 5

// Config configures an Ingestor.
type Config struct {
	Store  *store.Store
	Loader *source.Loader
	Opener *source.Opener
	// Dir is where it is noted what is being ingested, so that a source that ends the process is found out.
	Dir string
	// MaxBatchingTime caps the time of all batching policies; 0 leaves them as they are. Tests and small set-ups need not
	// wait the 10 seconds that ADX's shortest policy has.
	MaxBatchingTime time.Duration
	// Workers is how many batches are ingested at a time; 0 is 2.
	Workers int
	// Roles are the roles of all clients, and Like the traits of Azure's service that ingestion
	// imitates.
	Roles fidelity.Roles
	Like  fidelity.Set
	Log   *slog.Logger
}

// Ingestor runs queued ingestion. It is an azstorage.Queues whose ingestion queue starts ingestions; the other queues
// are the store's. Enqueue may be called before, during and after Run.
type Ingestor struct {
	store    *store.Store
	config   Config
	suspects *suspects

	// mu guards the fields below.
	mu       sync.Mutex
	incoming []Request
	// accepted are the messages whose requests are somewhere in here, so that none is taken twice.
	accepted map[string]bool
	sealed   []attempt
	idle     *sync.Cond // workers wait here for sealed batches
	ended    bool
	// wake tells the loop of Run that something came in or is to be tried again.
	wake chan struct{}
	// later are batches that wait for another try.
	later []attempt
	// batches counts those that were committed, for the traits that befall some of them.
	batches atomic.Int64
}

// attempt is a batch and what became of it so far.
type attempt struct {
	Batch
	tries int
	at    time.Time // when it may be tried again
}

// New returns an Ingestor; Run starts it.
func New(config Config) (*Ingestor, error) {
	if config.Workers == 0 {
		config.Workers = 2
	}
	suspects, err := openSuspects(config.Dir, config.Log)
	if err != nil {
		return nil, err
	}
	i := &Ingestor{store: config.Store, config: config, suspects: suspects, accepted: map[string]bool{},
		wake: make(chan struct{}, 1)}
	i.idle = sync.NewCond(&i.mu)
	return i, nil
}

// Enqueue implements azstorage.Queues: a request to ingest is durable when it returns.
func (i *Ingestor) Enqueue(ctx context.Context, queue, text string) (string, error) {
	id, err := i.store.Queues().Enqueue(ctx, queue, text)
	if err == nil && queue == azstorage.IngestionQueue {
		i.accept(id, text)
	}
	return id, err
}

// Peek implements azstorage.Queues.
func (i *Ingestor) Peek(ctx context.Context, queue string, n int) ([]azstorage.Message, error) {
	return i.store.Queues().Peek(ctx, queue, n)
}

// DeleteMessage implements azstorage.Queues.
func (i *Ingestor) DeleteMessage(ctx context.Context, queue, id string) error {
	return i.store.Queues().DeleteMessage(ctx, queue, id)
}

// accept takes a message that is in the store.
func (i *Ingestor) accept(id, text string) {
	i.mu.Lock()
	taken := i.accepted[id]
	i.accepted[id] = true
	i.mu.Unlock()
	if taken {
		return
	}
	r, err := ParseRequest(id, text)
	if err != nil {
		i.settle(context.Background(), []Request{r}, failure(err))
		return
	}
	i.mu.Lock()
	i.incoming = append(i.incoming, r)
	i.mu.Unlock()
	i.nudge()
}

func (i *Ingestor) nudge() {
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// Run ingests until ctx ends; batches under way are finished or rolled back first. It begins with the requests that an
// earlier run left.
func (i *Ingestor) Run(ctx context.Context) error {
	left, err := i.store.Queues().Peek(ctx, azstorage.IngestionQueue, math.MaxInt32)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the requests left from before: %w", err)
	}
	// Nothing of the rest ends before the workers start, so what was accepted meanwhile is still known as accepted.
	for _, m := range i.runSuspects(ctx, left) {
		i.accept(m.ID, m.Text)
	}
	var workers sync.WaitGroup
	for range i.config.Workers {
		workers.Go(func() { i.work(ctx) })
	}
	i.schedule(ctx)
	i.mu.Lock()
	i.ended = true
	i.idle.Broadcast()
	i.mu.Unlock()
	workers.Wait()
	return nil
}

// runSuspects ingests the requests in whose midst the process ended, one by one and with nothing
// beside, so that it is known which of them ends it again. Those that did too often are set aside.
// It returns the other messages.
func (i *Ingestor) runSuspects(ctx context.Context, left []azstorage.Message) (others []azstorage.Message) {
	var ids []string
	for _, m := range left {
		ids = append(ids, m.ID)
	}
	i.suspects.keepOnly(ids)
	for _, m := range left {
		if !i.suspects.suspected(m.ID) {
			others = append(others, m)
			continue
		}
		if ctx.Err() != nil {
			continue
		}
		i.mu.Lock()
		i.accepted[m.ID] = true
		i.mu.Unlock()
		r, err := ParseRequest(m.ID, m.Text)
		if reason := i.suspects.verdict(m.ID); err == nil && reason != "" {
			err = &ingest.Error{Code: ingest.CodeInvalidBlob, Message: reason}
		}
		if err != nil {
			i.settle(ctx, []Request{r}, failure(err))
			continue
		}
		i.try(ctx, attempt{Batch: Batch{Requests: []Request{r}, Reason: "Alone"}})
	}
	return others
}

// schedule moves requests through the batcher until ctx ends.
func (i *Ingestor) schedule(ctx context.Context) {
	batcher := NewBatcher()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(i.turn(batcher, time.Now()))
		select {
		case <-ctx.Done():
			return
		case <-i.wake:
		case <-timer.C:
		}
	}
}

// turn takes what came in and seals what is due; it returns how long there is nothing to do.
func (i *Ingestor) turn(batcher *Batcher, now time.Time) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, r := range i.incoming {
		batches, err := batcher.Add(r, i.policy(r), now)
		if err != nil {
			i.config.Log.Error("batch a request", "table", r.Table, "err", err)
			batches = []Batch{{Requests: []Request{r}}}
		}
		i.seal(batches)
	}
	i.incoming = nil
	i.seal(batcher.Due(now))
	next := now.Add(time.Hour)
	if due, ok := batcher.Next(); ok && due.Before(next) {
		next = due
	}
	waiting := i.later[:0]
	for _, a := range i.later {
		if now.Before(a.at) {
			waiting = append(waiting, a)
			if a.at.Before(next) {
				next = a.at
			}
			continue
		}
		i.sealed = append(i.sealed, a)
		i.idle.Signal()
	}
	i.later = waiting
	return next.Sub(now)
}

func (i *Ingestor) seal(batches []Batch) {
	for _, b := range batches {
		i.sealed = append(i.sealed, attempt{Batch: b})
		i.idle.Signal()
	}
}

// policy is the batching policy that holds for the request's table.
func (i *Ingestor) policy(r Request) Policy {
	p := Policy{Time: defaultTime, Items: defaultItems, Size: defaultSize << 20}
	if d, err := i.store.Catalog().Database(r.Database); err == nil {
		if t, err := d.Table(r.Table); err == nil {
			if text, ok := d.Policy(t, PolicyName); ok {
				if parsed, err := ParsePolicy(text); err == nil {
					p = parsed
				}
			}
		}
	}
	if i.config.MaxBatchingTime > 0 {
		p.Time = min(p.Time, i.config.MaxBatchingTime)
	}
	return p
}

// work ingests sealed batches, one after the other, until the ingestor ends.
func (i *Ingestor) work(ctx context.Context) {
	for {
		i.mu.Lock()
		for len(i.sealed) == 0 && !i.ended {
			i.idle.Wait()
		}
		if i.ended {
			i.mu.Unlock()
			return
		}
		a := i.sealed[0]
		i.sealed = i.sealed[1:]
		i.mu.Unlock()
		i.try(ctx, a)
	}
}

// try ingests a batch; what fails for a reason that may pass is tried again later.
func (i *Ingestor) try(ctx context.Context, a attempt) {
	i.suspects.begin(a.Requests)
	again, err := i.ingest(ctx, a)
	i.suspects.end(a.Requests)
	if err == nil || ctx.Err() != nil {
		return
	}
	delay := min(firstRetry<<min(a.tries, 10), lastRetry)
	i.config.Log.Error("ingest a batch, to be tried again", "table", a.Requests[0].Table, "in", delay, "err", err)
	i.mu.Lock()
	i.later = append(i.later, attempt{Batch: Batch{Requests: again, Reason: a.Reason}, tries: a.tries + 1,
		at: time.Now().Add(delay)})
	i.mu.Unlock()
	i.nudge()
}

// sourceError is the failure of one request of a batch.
type sourceError struct {
	request int
	err     error
}

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// ingest runs a batch. Requests whose source is bad are settled as failed and the others run again without them. It
// returns the requests that are still to be ingested when an error that may pass stopped it.
func (i *Ingestor) ingest(ctx context.Context, a attempt) ([]Request, error) {
	requests := i.withoutRepeats(ctx, a.Requests)
	for len(requests) > 0 {
		operation := uuid.New()
		err := i.transaction(ctx, requests, operation)
		var bad *sourceError
		var permanent *ingest.Error
		switch {
		case err == nil:
			i.clean(requests)
			return nil, nil
		case errors.Is(err, errUnsaid):
			// The queue hands the message out again.
			return requests, err
		case errors.Is(err, store.ErrTagExists):
			return i.end(ctx, requests, i.dropped())
		case errors.As(err, &bad) && errors.As(bad.err, &permanent) && (!permanent.Transient || a.tries+1 >= maxTries):
			if left, err := i.end(ctx, requests[bad.request:bad.request+1], failure(bad.err)); err != nil {
				return append(left, without(requests, bad.request)...), err
			}
			requests = without(requests, bad.request)
		case errors.As(err, &permanent) && (!permanent.Transient || a.tries+1 >= maxTries):
			return i.end(ctx, requests, failure(err))
		default:
			return requests, err
		}
	}
	return nil, nil
}

func without(requests []Request, i int) []Request {
	return append(append([]Request(nil), requests[:i]...), requests[i+1:]...)
}

// withoutRepeats settles requests for a blob that is in the batch already.
func (i *Ingestor) withoutRepeats(ctx context.Context, requests []Request) []Request {
	seen := map[string]bool{}
	var kept, repeated []Request
	for _, r := range requests {
		if seen[r.name()] {
			repeated = append(repeated, r)
			continue
		}
		seen[r.name()] = true
		kept = append(kept, r)
	}
	if len(repeated) > 0 {
		i.settle(ctx, repeated,
			failure(&ingest.Error{Code: ingest.CodeDuplicateBlob, Message: "The blob is in the batch already"}))
	}
	return kept
}

// transaction ingests the requests' blobs as one extent and settles the requests as succeeded.
func (i *Ingestor) transaction(ctx context.Context, requests []Request, operation uuid.UUID) error {
	if err := i.config.Roles.Check(fidelity.Ingest); err != nil {
		return source.Classify(err)
	}
	first := requests[0]
	if i.store.HasTag(first.Database, first.Table, first.IfNotExists) {
		return store.ErrTagExists
	}
	if err := i.config.Loader.Extend(ctx, first.Database, first.Table, first.Properties); err != nil {
		return err
	}
	fate := i.fate()
	load := store.Load{Tags: first.Tags, IfNotExists: first.IfNotExists, Created: first.Created}
	_, err := i.store.Ingest(ctx, first.Database, first.Table, load, func(in *store.Ingestion) error {
		var settlement store.Settlement
		for n, r := range requests {
			if err := i.fill(ctx, in, r); err != nil {
				return &sourceError{request: n, err: err}
			}
			if err := r.settle(&settlement, fate.outcome, operation); err != nil {
				return err
			}
		}
		if fate.unsaid {
			return nil
		}
		return in.Settle(settlement)
	})
	if err == nil && fate.unsaid {
		return errUnsaid
	}
	return source.Classify(err)
}

// errUnsaid is the error for rows that were committed without a report.
var errUnsaid = errors.New("the rows were committed and nothing was said of it, as the service's queue may have it")

// fate is what to do with a batch whose rows are committed.
type fate struct {
	outcome
	unsaid bool
}

// unlucky is how many batches one comes of that a trait befalls.
const unlucky = 3

// fate is success, except that the traits of the service befall some batches.
func (i *Ingestor) fate() fate {
	n := i.batches.Add(1)
	switch {
	case i.config.Like.Has(fidelity.Redelivery) && n%unlucky == 1:
		return fate{outcome{status: succeeded}, true}
	case i.config.Like.Has(fidelity.RetriesExceeded) && n%unlucky == 2:
		return fate{outcome{status: failed, code: ingest.CodeRetriesExceeded, failure: "Permanent",
			details: "Operation has exceeded the retry attempts or timespan limits following a recurring transient error"},
			false}
	}
	return fate{outcome{status: succeeded}, false}
}

// dropped is the end of requests whose data the table has.
func (i *Ingestor) dropped() outcome {
	const details = "The table already has the data: one of the ingestIfNotExists tags was found"
	if i.config.Like.Has(fidelity.SkippedAsFailed) {
		return outcome{status: failed, code: ingest.CodeTagExists, failure: "Permanent", details: details}
	}
	return outcome{status: skipped, details: details}
}

func (i *Ingestor) fill(ctx context.Context, in *store.Ingestion, r Request) error {
	content, err := i.config.Opener.Open(ctx, r.BlobURL)
	if err != nil {
		return err
	}
	ahead := readAhead(content)
	defer ahead.Close()
	_, err = source.Fill(in, r.Properties, ingest.Source{Location: r.name(), IgnoreFirstRecord: r.IgnoreFirstRecord},
		ahead)
	return err
}

// end settles requests that bring no rows; when that cannot be written they are still to be done.
func (i *Ingestor) end(ctx context.Context, requests []Request, o outcome) ([]Request, error) {
	var settlement store.Settlement
	operation := uuid.New()
	for _, r := range requests {
		if err := r.settle(&settlement, o, operation); err != nil {
			return requests, err
		}
	}
	if err := i.store.Settle(ctx, settlement); err != nil {
		return requests, err
	}
	if o.status == failed {
		i.config.Log.Warn("ingestion failed", "table", requests[0].Table, "code", o.code, "details", o.details)
	}
	i.clean(requests)
	return nil, nil
}

// settle is end where nobody can try again: the message stays and the next start finds it.
func (i *Ingestor) settle(ctx context.Context, requests []Request, o outcome) {
	if _, err := i.end(ctx, requests, o); err != nil {
		i.config.Log.Error("settle a request to ingest", "err", err)
	}
}

// clean forgets requests that have ended, and deletes their blobs.
func (i *Ingestor) clean(requests []Request) {
	i.mu.Lock()
	for _, r := range requests {
		delete(i.accepted, r.MessageID)
	}
	i.mu.Unlock()
	for _, r := range requests {
		if err := i.config.Opener.Delete(r.BlobURL); err != nil {
			i.config.Log.Warn("delete an ingested blob", "err", err)
		}
	}
}
