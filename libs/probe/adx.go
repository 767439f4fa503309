package probe

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/kusto"
)

// adxPrefix begins the names of tables and views of all probes.
const adxPrefix = "calypso_probe_"

func tableLeft(table string) string {
	return "table " + table + ": .drop table " + kusto.QuoteName(table)
}

func viewLeft(view string) string {
	return "materialized view " + view + ": .drop materialized-view " + kusto.QuoteName(view)
}

// adx is a probe of a cluster of Azure Data Explorer.
type adx struct {
	lab      *lab
	client   *kusto.Client
	database string
	// name begins the names of everything that this probe makes.
	name string
	// took holds how long ingestions took until their final status.
	took []time.Duration
	// mute is set once the outcome of a blob could not be learned.
	mute atomic.Pointer[mute]
}

// ADX probes a database of a cluster.
func ADX(ctx context.Context, client *kusto.Client, database string, o Options) *Report {
	p := &adx{client: client, database: database, name: adxPrefix + unique()}
	p.lab = o.lab("Azure Data Explorer", client.Endpoints().Query+", database "+database)
	p.lab.others = p.left
	return p.lab.run(ctx, p.experiments())
}

func (p *adx) experiments() []experiment {
	all := []experiment{
		{"a blob whose tag is there already",
			"the second blob adds no row, and ends as Skipped, or as Failed with a code that begins with Skipped_", p.twice},
		{"equal blobs at once", "of two blobs with one tag that are queued at the same time one adds its row", p.atOnce},
		{"time until the final status",
			"each ingestion has its final status within ingestion.status.timeout.ms (30 minutes by default)", p.times},
	}
	streamed := p.streamed()
	all = append(all,
		experiment{"a row streamed directly after a column was added",
			"the row is taken; its value in the new column may be lost for up to five minutes", streamed.before},
		experiment{"a row streamed after the schema cache was cleared", "the row is taken with its value in the new column",
			streamed.after},
	)
	for _, name := range []string{"__op", "op__", "$x"} {
		all = append(all, experiment{"a column named " + name, "refused, for the name " + kusto.NameFault(name),
			func(ctx context.Context) (outcome, error) { return p.named(ctx, name) }})
	}
	return append(all,
		experiment{"a materialized view without backfill", "it lacks the rows that the table had before it",
			func(ctx context.Context) (outcome, error) { return p.view(ctx, false) }},
		experiment{"a materialized view with backfill",
			"it has the rows that the table had before it, and those that came later",
			func(ctx context.Context) (outcome, error) { return p.view(ctx, true) }},
	)
}

// table makes one of the probe's tables, whose name ends with end.
func (p *adx) table(ctx context.Context, end, columns string) (string, error) {
	name := kusto.QuoteName(p.name + end)
	drop := ".drop table " + name
	p.lab.remember(tableLeft(p.name+end), func(ctx context.Context) error { return p.drop(ctx, drop) })
	_, err := p.client.Manage(ctx, p.database, ".create table "+name+" "+columns)
	p.refused(err)
	return p.name + end, err
}

// refused forgets the last object to be made if the identity may not make it: it may not drop it
// either.
func (p *adx) refused(err error) {
	if kusto.Unauthorized(err) {
		p.lab.made = p.lab.made[:len(p.lab.made)-1]
	}
}

// drop removes an object that may not have been made.
func (p *adx) drop(ctx context.Context, command string) error {
	_, err := p.client.Manage(ctx, p.database, command)
	if kusto.NotFound(err) {
		return nil
	}
	return err
}

// left returns the views and tables of other probes, views first, since a table with a view cannot
// be dropped.
func (p *adx) left(ctx context.Context) (found []string, err error) {
	for _, of := range []struct {
		shown, column string
		left          func(string) string
	}{{".show materialized-views", "Name", viewLeft}, {".show tables", "TableName", tableLeft}} {
		answer, err := p.client.Manage(ctx, p.database, of.shown)
		if err != nil {
			return found, err
		}
		for i := range answer.Rows {
			if name := answer.Value(i, of.column); strings.HasPrefix(name, adxPrefix) && !strings.HasPrefix(name, p.name) {
				found = append(found, of.left(name)+killed)
			}
		}
	}
	return found, nil
}

func (p *adx) count(ctx context.Context, query string) (string, error) {
	answer, err := p.client.Query(ctx, p.database, query+" | count")
	if err != nil {
		return "", err
	}
	if len(answer.Rows) == 0 {
		return "", errors.New("the count has no answer")
	}
	return answer.Value(0, "Count"), nil
}

// keyed declares the columns of tables with a key and a number.
var keyed = kusto.Declaration([]kusto.Column{{Name: "k", Type: kusto.String}, {Name: "v", Type: kusto.Long}})

func (p *adx) blob(table, tag string, rows ...map[string]any) (*kusto.Blob, error) {
	var plain, zipped bytes.Buffer
	encoder := json.NewEncoder(&plain)
	for _, r := range rows {
		if err := encoder.Encode(r); err != nil {
			return nil, err
		}
	}
	w := gzip.NewWriter(&zipped)
	_, err := w.Write(plain.Bytes())
	err = errors.Join(err, w.Close())
	return &kusto.Blob{Database: p.database, Table: table, Format: "multijson", Data: zipped.Bytes(),
		RawSize: int64(plain.Len()), Tag: tag}, err
}

// ended is the outcome of a queued blob.
type ended struct {
	kusto.Result
	err  error
	took time.Duration
}

func (e ended) String() string {
	said := []string{e.Ending.Status}
	for _, field := range []struct{ name, value string }{{"code", e.Ending.Code},
		{"failure status", e.Ending.FailureStatus}, {"details", e.Ending.Details}} {
		if field.value != "" {
			said = append(said, field.name+" "+field.value)
		}
	}
	return strings.Join(said, ", ") + " after " + e.took.Round(10*time.Millisecond).String()
}

// statusPatience is how long to wait for a final status by default. A blob with a tag is not
// batched with others, so a cluster without a backlog needs only seconds; a sink waits longer
// (ingestion.status.timeout.ms).
const statusPatience = 2 * time.Minute

// tries is how often a blob is sent again if its outcome says nothing against it.
const tries = 5

// mute means that the table of statuses did not tell the outcome of a blob.
type mute struct {
	// why is nil if the table was read but had no final status.
	why   error
	after time.Duration
	where string
}

func (m *mute) Error() string {
	said := "had no final status"
	switch {
	case m.why != nil && kusto.ObstacleOf(m.why) == kusto.Throttling:
		said = "was throttled"
	case m.why != nil:
		said = "could not be read"
	}
	text := fmt.Sprintf("could not be told: the status table %s for %s, of a blob for table %s", said,
		m.after.Round(time.Second), m.where)
	if m.why != nil {
		text += ": " + m.why.Error()
	}
	return text
}

func (m *mute) Unwrap() error { return m.why }

// follows says what to do about it.
func (m *mute) follows() string {
	if m.why == nil {
		return "It is still not known. See with .show ingestion failures, and .show capacity what holds ingestion up, and probe again."
	}
	return "It is still not known. A sink waits for final statuses in the same table: see how many others read it, give sinks fewer and larger batches (flush.interval.ms, flush.size.bytes), and probe again later."
}

// queue sends a blob of one row and waits for its outcome. If the service gave up, it sends the
// blob again under the same tag, as a sink does. The error means that there was no outcome. Once
// the table of statuses has not told one, further blobs are not sent, since each would be waited
// for as long.
func (p *adx) queue(ctx context.Context, table, tag, key string) (e ended, err error) {
	if m := p.mute.Load(); m != nil {
		return ended{}, m
	}
	patience := cmp.Or(p.lab.options.StatusPatience, statusPatience)
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errNoEnd)
	defer cancel()
	for range tries {
		if e, err = p.queueOnce(ctx, table, tag, key); err != nil || e.err == nil || kusto.VerdictOf(e.err) != kusto.Again {
			break
		}
	}
	return e, err
}

// errNoEnd is the cause when the wait for a final status times out.
var errNoEnd = errors.New("there was no final status in time")

func (p *adx) queueOnce(ctx context.Context, table, tag, key string) (ended, error) {
	blob, err := p.blob(table, tag, map[string]any{"k": key, "v": 1})
	if err != nil {
		return ended{}, err
	}
	begun := time.Now()
	queued, err := p.client.Enqueue(ctx, blob)
	if err != nil {
		// Enqueue writes to the table too.
		if errors.Is(err, errNoEnd) || kusto.ObstacleOf(err) == kusto.Throttling {
			return ended{}, p.silent(&mute{err, time.Since(begun), table})
		}
		return ended{}, err
	}
	result, err := queued.Wait(ctx)
	if queued.Ended() {
		return ended{result, err, time.Since(begun)}, nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errNoEnd) {
		return ended{}, err // the probe was ended
	}
	return ended{}, p.silent(&mute{queued.Unread(), time.Since(begun), table})
}

// silent keeps the first mute, and returns it.
func (p *adx) silent(m *mute) error {
	p.mute.CompareAndSwap(nil, m)
	return p.mute.Load()
}

func (p *adx) twice(ctx context.Context) (outcome, error) {
	table, err := p.table(ctx, "_twice", keyed)
	if err != nil {
		return outcome{}, err
	}
	first, err := p.queue(ctx, table, "probe", "a")
	if err != nil {
		return outcome{}, err
	}
	if first.err != nil {
		return outcome{}, fmt.Errorf("the first blob ended as %s", first)
	}
	second, err := p.queue(ctx, table, "probe", "a")
	if err != nil {
		return outcome{}, err
	}
	p.took = append(p.took, first.took, second.took)
	rows, err := p.count(ctx, kusto.QuoteName(table))
	if err != nil {
		return outcome{}, err
	}
	o := expected("the first ended as %s; the second as %s; rows: %s", first, second, rows)
	if first.Skipped {
		o.follows = "The service sent the first blob twice by itself, and its own tag kept it from being there twice. " +
			"Calypso takes such an end for one of a batch that is in the table."
	}
	switch {
	case rows != "1":
		o.verdict, o.follows = Otherwise,
			"A batch that is sent again after a crash is there twice: do not rely on delivery.guarantee=exactly_once here. Please attach this report to an issue."
	case !second.Skipped:
		o.verdict, o.follows = Otherwise,
			fmt.Sprintf(
				"Calypso does not know this end of a batch that was sent again and takes it for %q. Please attach this report to an issue.", kusto.VerdictOf(second.err))
	}
	return o, nil
}

// pairs is how many pairs of equal blobs are queued at once.
const pairs = 5

func (p *adx) atOnce(ctx context.Context) (outcome, error) {
	table, err := p.table(ctx, "_once", keyed)
	if err != nil {
		return outcome{}, err
	}
	var wait contain.Waiting
	ends, errs := make([]ended, 2*pairs), make([]error, 2*pairs)
	for i := range ends {
		key := fmt.Sprint(i / 2)
		wait.Go("a blob of the probe", func() { ends[i], errs[i] = p.queue(ctx, table, "probe-"+key, key) },
			func(err error) { errs[i] = err })
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil { // the other errors are the same
			return outcome{}, err
		}
	}
	how := map[string]int{}
	for _, e := range ends {
		if e.err != nil {
			return outcome{}, fmt.Errorf("a blob ended as %s", e)
		}
		p.took = append(p.took, e.took)
		how[strings.TrimSpace(e.Ending.Status+" "+e.Ending.Code)]++
	}
	rows, err := p.count(ctx, kusto.QuoteName(table))
	if err != nil {
		return outcome{}, err
	}
	keys, err := p.count(ctx, kusto.QuoteName(table)+" | distinct k")
	if err != nil {
		return outcome{}, err
	}
	var said []string
	for end, n := range how {
		said = append(said, fmt.Sprintf("%d as %s", n, end))
	}
	slices.Sort(said)
	o := expected("%d pairs ended (%s); rows: %s, of which different: %s", pairs, strings.Join(said, ", "), rows, keys)
	switch {
	case keys != fmt.Sprint(pairs):
		o.verdict, o.follows = Otherwise,
			"A batch can be missing that was sent twice at once: use delivery.guarantee=at_least_once, and attach this report to an issue."
	case rows != keys:
		o.verdict, o.follows = Otherwise,
			"The check of tags is not atomic: a batch that is sent again while its first request is still queued can be there twice. Calypso looks for such batches and says so in the sink's notices. Please attach this report to an issue."
	}
	return o, nil
}

func (p *adx) times(context.Context) (outcome, error) {
	if m := p.mute.Load(); m != nil && len(p.took) == 0 {
		return outcome{}, m
	}
	if len(p.took) == 0 {
		return outcome{}, errors.New("no ingestion has ended")
	}
	slices.Sort(p.took)
	round := func(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
	o := expected("%d ingestions: the fastest after %s, half of them within %s, the slowest after %s", len(p.took),
		round(p.took[0]), round(p.took[len(p.took)/2]), round(p.took[len(p.took)-1]))
	o.follows = "A row can be queried flush.interval.ms and this time after it was written to Kafka."
	return o, nil
}

// streamedRows is how many rows are streamed at a time: each may reach another node.
const streamedRows = 10

// streamed are the experiments on streaming after a column was added; the second continues where
// the first ended.
type streamed struct {
	adx   *adx
	table string
}

func (p *adx) streamed() *streamed { return &streamed{adx: p} }

func (s *streamed) before(ctx context.Context) (outcome, error) {
	table, err := s.adx.table(ctx, "_streamed", keyed)
	if err != nil {
		return outcome{}, err
	}
	if _, err := s.adx.client.Manage(ctx, s.adx.database, ".alter table "+kusto.QuoteName(table)+
		" policy streamingingestion enable"); err != nil {
		return outcome{}, err
	}
	if err := s.stream(ctx, table, "old"); err != nil {
		return outcome{}, err
	}
	if err := s.adx.client.CreateMerge(ctx, &kusto.TableSchema{Database: s.adx.database, Table: table,
		Columns: []kusto.Column{{Name: "added", Type: kusto.String}}}); err != nil {
		return outcome{}, err
	}
	s.table = table
	o, err := s.look(ctx, "directly")
	if err == nil {
		o.follows = "Calypso clears the cache after it has added a column, so that nothing is lost. Whoever adds columns by hand to a table that is streamed into should do so too: .clear table <table> cache streamingingestion schema"
	}
	return o, err
}

func (s *streamed) after(ctx context.Context) (outcome, error) {
	if s.table == "" {
		return outcome{}, errors.New("no column could be added to a table that is streamed into")
	}
	if err := s.adx.client.ClearStreamingCache(ctx, s.adx.database, s.table); err != nil {
		return outcome{fmt.Sprintf("the cache could not be cleared: %v", err), Otherwise,
			"Calypso queues rows for five minutes after it has added a column."}, nil
	}
	o, err := s.look(ctx, "cleared")
	if err == nil && !strings.HasPrefix(o.seen, fmt.Sprintf("%d of", streamedRows)) {
		o.verdict, o.follows = Otherwise,
			"Values of a column that was just added can be lost in streaming: use ingestion.mode=queued where columns are added. Please attach this report to an issue."
	}
	return o, err
}

func (s *streamed) stream(ctx context.Context, table, key string) error {
	for range streamedRows {
		blob, err := s.adx.blob(table, "", map[string]any{"k": key, "v": 1, "added": key})
		if err != nil {
			return err
		}
		if err := s.adx.client.Stream(ctx, blob); err != nil {
			return err
		}
	}
	return nil
}

// look streams rows with a value in the new column and returns how many of them have it in the
// table.
func (s *streamed) look(ctx context.Context, key string) (outcome, error) {
	if err := s.stream(ctx, s.table, key); err != nil {
		return outcome{}, err
	}
	rows := kusto.QuoteName(s.table) + " | where k == " + kusto.QuoteString(key)
	all, err := s.adx.count(ctx, rows)
	if err != nil {
		return outcome{}, err
	}
	filled, err := s.adx.count(ctx, rows+" | where added == "+kusto.QuoteString(key))
	if err != nil {
		return outcome{}, err
	}
	o := expected("%s of %d rows have their value in the new column; rows in the table: %s", filled, streamedRows, all)
	if all != fmt.Sprint(streamedRows) {
		o.verdict, o.follows = Otherwise,
			"Streamed rows are not all in the table after the service took them: use ingestion.mode=queued, and attach this report to an issue."
	}
	return o, nil
}

func (p *adx) named(ctx context.Context, column string) (outcome, error) {
	_, err := p.table(ctx, fmt.Sprintf("_named%d", len(p.lab.made)),
		kusto.Declaration([]kusto.Column{{Name: column, Type: kusto.String}}))
	switch {
	case err == nil:
		return outcome{"the cluster made the table", Otherwise,
			"Nothing breaks: Calypso brings such a field to the column " + kusto.NameLike(column) +
				", although this cluster would take its name."}, nil
	case kusto.Unauthorized(err) || !kusto.Permanent(err):
		return outcome{}, err
	}
	return expected("%v", err), nil
}

// fillPatience is how long filling a view with a few rows may take, and fillPause the time between
// two checks.
const (
	fillPatience = 10 * time.Minute
	fillPause    = 2 * time.Second
)

func (p *adx) view(ctx context.Context, backfill bool) (outcome, error) {
	end, form, options := "_late", "", ""
	if backfill {
		end, form, options = "_whole", " async", " with (backfill=true)"
	}
	table, err := p.table(ctx, end, keyed)
	if err != nil {
		return outcome{}, err
	}
	if err := p.inline(ctx, table, "a,1\nb,1\nc,1"); err != nil {
		return outcome{}, err
	}
	view, source := kusto.QuoteName(table+"_view"), kusto.QuoteName(table)
	drop := ".drop materialized-view " + view
	p.lab.remember(viewLeft(table+"_view"), func(ctx context.Context) error { return p.drop(ctx, drop) })
	answer, err := p.client.Manage(ctx, p.database, ".create"+form+" materialized-view"+options+" "+view+" on table "+
		source+" { "+source+" | summarize arg_max(v, *) by k }")
	p.refused(err)
	if err != nil {
		return outcome{}, err
	}
	if operation := answer.Value(0, "OperationId"); backfill && operation != "" {
		if err := p.filled(ctx, operation); err != nil {
			return outcome{}, err
		}
	}
	if err := p.inline(ctx, table, "d,1"); err != nil {
		return outcome{}, err
	}
	rows, err := p.count(ctx, view)
	if err != nil {
		return outcome{}, err
	}
	later, err := p.count(ctx, view+" | where k == 'd'")
	if err != nil {
		return outcome{}, err
	}
	o := expected("of 3 rows that were there before the view, and 1 that came later, it has %s, of which later: %s", rows,
		later)
	switch {
	case later != "1":
		o.verdict, o.follows = Otherwise,
			"The view does not have what was just ingested: <table>_current of current.state=true lags behind its table. Please attach this report to an issue."
	case backfill && rows != "4":
		o.verdict, o.follows = Otherwise,
			"<table>_current of current.state=true lacks rows that were in the table before it: switch current.state on before the first row, and attach this report to an issue."
	case !backfill && rows != "1":
		o.verdict, o.follows = Otherwise, "Nothing breaks: Calypso asks for backfill where a table has rows."
	}
	return o, nil
}

func (p *adx) inline(ctx context.Context, table, rows string) error {
	return p.client.Inline(ctx, &kusto.Blob{Database: p.database, Table: table, Format: "csv"}, []byte(rows))
}

// filled returns when the operation that fills a view has completed.
func (p *adx) filled(ctx context.Context, operation string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, fillPatience, fmt.Errorf("the view is not filled after %s", fillPatience))
	defer cancel()
	for {
		shown, err := p.client.Manage(ctx, p.database, ".show operations "+operation)
		if err != nil {
			return err
		}
		if len(shown.Rows) > 0 {
			switch state := shown.Value(0, "State"); state {
			case "Completed":
				return nil
			case "InProgress", "Scheduled":
			default:
				return fmt.Errorf("filling the view ended as %s: %s", state, shown.Value(0, "Status"))
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(fillPause):
		}
	}
}
