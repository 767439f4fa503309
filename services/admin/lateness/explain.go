package lateness

import (
	"fmt"
	"strings"
	"time"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/shell"
	"github.com/calypso-cdc/calypso/services/admin/checks"
	"github.com/calypso-cdc/calypso/services/admin/lag"
)

// Bounds within which lateness passes by itself.
const (
	// brief is how late a table may be before a check is named as the cause: a retry that succeeds is
	// over by then.
	brief = 5 * time.Second
	// slack is how long a step may take beyond what it waits for. ingesting is how long a cluster may
	// take: Azure Data Explorer gathers queued batches for five minutes unless a policy says
	// otherwise.
	slack     = time.Minute
	ingesting = 10 * time.Minute
)

// explainer finds the causes of rows.
type explainer struct {
	now  time.Time
	view View
	// named are the checks by name.
	named map[string][]*adminv1.HealthCheck
	// overdue counts the rows that nothing explains; worst is the latest of them.
	overdue int
	worst   *row
}

func newExplainer(now time.Time, v View) *explainer {
	e := &explainer{now: now, view: v, named: make(map[string][]*adminv1.HealthCheck, len(v.Pipeline.Checks))}
	for _, c := range v.Pipeline.Checks {
		e.named[c.Name] = append(e.named[c.Name], c)
	}
	return e
}

// explain sets check, because, remedy and verdict of a row.
func (e *explainer) explain(r *row) {
	r.Verdict = adminv1.Verdict_VERDICT_HEALTHY
	if r.HeldAt == 0 {
		return
	}
	late := time.Duration(r.LateSeconds * float64(time.Second))
	if r.place.fills && late <= e.patience(r)+slack/6 {
		return
	}
	if c := e.cause(r); c != nil && (r.place.unknown || late >= brief) {
		r.Check, r.Because, r.Remedy, r.Verdict = c.Name, c.Summary, c.Remedy, checks.Means(c)
		if c.Name == checks.Ingestion || c.Name == checks.LagGrowth {
			r.Because = inPartition(r) + r.Because
		}
		return
	}
	if r.place.unknown && r.place.oldest.IsZero() {
		// It is not known whether anything waits, and nothing is wrong: it will be known soon.
		r.HeldAt, r.HeldSince = 0, nil
		return
	}
	if bound := e.patience(r) + e.bound(r); late > bound {
		r.Check, r.Verdict = checks.Lateness, adminv1.Verdict_VERDICT_DEGRADED
		if r.Because, r.Remedy = overdue(r); e.now.Sub(r.place.moved) <= bound {
			r.Because, r.Remedy = "what has gathered is worked off, oldest first, and nothing holds it up", ""
		}
		e.overdue++
		if e.worst == nil || r.LateSeconds > e.worst.LateSeconds {
			e.worst = r
		}
	}
}

// patience is how long a batch of the row's sink may take to fill, and to be sent while the next
// one fills.
func (e *explainer) patience(r *row) time.Duration {
	if r.HeldAt == captureHolds || r.HeldAt == kafkaAwaits {
		return 0
	}
	return e.view.Sinks[r.Sink].Patience
}

// bound is how much later than that a change may be while nothing is wrong.
func (e *explainer) bound(r *row) time.Duration {
	if r.HeldAt == sinkHolds && !r.place.fills {
		return e.patience(r) + ingesting
	}
	return e.patience(r) + slack
}

// unexplained makes the check about rows that nothing explains; nil if there are none.
func (e *explainer) unexplained() *adminv1.HealthCheck {
	if e.worst == nil {
		return nil
	}
	c := &adminv1.HealthCheck{Name: checks.Lateness, Subject: e.view.Pipeline.Source,
		State: adminv1.CheckState_CHECK_STATE_WARNING, Remedy: e.worst.Remedy,
		Summary: fmt.Sprintf("%s is %s late%s: %s", e.worst.name(), Age(e.worst.LateSeconds), e.worst.in(), e.worst.Because)}
	if more := e.overdue - 1; more > 0 {
		c.Summary += fmt.Sprintf("; %s more: calypsoctl get tables", checks.Plural(more, "table is so", "tables are so"))
	}
	return c
}

// overdue says what is known about a row that nothing explains, and where to look.
func overdue(r *row) (because, remedy string) {
	switch r.HeldAt {
	case captureHolds:
		return "capture has not come to its changes and says nothing that holds it up", "calypsoctl restart " + shell.Quote(r.Source)
	case kafkaAwaits:
		return "capture has read its changes, has not delivered them and says nothing that holds it up",
			"see whether the brokers take the records; then: calypsoctl restart " + shell.Quote(r.Source)
	}
	because = inPartition(r) + "the sink says nothing that holds it up"
	if r.HeldAt == sinkAwaits {
		return because, "see the log of the sink's workers; then: calypsoctl restart " + shell.Quote(r.Sink)
	}
	return because, "see the ingestion of the cluster (.show ingestion failures; .show capacity | where Resource == 'Ingestions') and " +
		"the batching policy of the table; then: calypsoctl restart " + shell.Quote(r.Sink)
}

// inPartition begins the cause of a row where some partitions of its topic are late and others are
// not; it is empty where none or all are.
func inPartition(r *row) string {
	if r.place.partition < 0 || r.place.behind >= r.place.parts {
		return ""
	}
	behind := "only this one has changes that wait"
	if r.place.behind != 1 {
		behind = fmt.Sprintf("%d have changes that wait", r.place.behind)
	}
	return fmt.Sprintf("its oldest change is in partition %d of topic %s, of whose %d partitions %s, and ",
		r.place.partition, r.Topic, r.place.parts, behind)
}

// cause is the check that explains why a row is held where it is: the worst of those that can, the
// deepest among equals; nil if none of them finds anything wrong.
func (e *explainer) cause(r *row) (worst *adminv1.HealthCheck) {
	take := func(least adminv1.CheckState, name string, about func(subject string) bool) {
		for _, c := range e.named[name] {
			if c.State >= least && about(c.Subject) && (worst == nil || c.State > worst.State && !explains(worst, c)) {
				worst = c
			}
		}
	}
	const notice, warning, failure = adminv1.CheckState_CHECK_STATE_NOTICE, adminv1.CheckState_CHECK_STATE_WARNING,
		adminv1.CheckState_CHECK_STATE_ERROR
	is := func(subject string) func(string) bool { return func(s string) bool { return s == subject } }
	every := func(string) bool { return true }
	if r.HeldAt == captureHolds || r.HeldAt == kafkaAwaits {
		take(failure, checks.Fleet, is("capture"))
		take(warning, checks.Slot, every)
		take(notice, checks.SourceState, every)
		take(notice, checks.Capture, every)
		take(notice, checks.Snapshot, every)
		take(warning, checks.Progress, every)
		take(warning, checks.LagGrowth, is(segments[r.HeldAt]))
		take(warning, checks.Fleet, is("capture"))
		return worst
	}
	take(failure, checks.Fleet, is("sink"))
	take(notice, checks.SourceChanges, func(subject string) bool { return e.holds(r, subject) })
	take(notice, checks.SinkState, is(r.Sink))
	take(warning, checks.Ingestion, is(r.Sink))
	take(warning, checks.LagGrowth, is(segments[r.HeldAt]+" "+r.Sink))
	take(warning, checks.Fleet, is("sink"))
	return worst
}

// explains reports whether a connector that somebody paused or stopped is why another check is not
// ok: all that is behind it falls behind, and only a failure, such as a lost slot, is more than that.
func explains(state, other *adminv1.HealthCheck) bool {
	return checks.Means(state) == adminv1.Verdict_VERDICT_PAUSED && other.State < adminv1.CheckState_CHECK_STATE_ERROR
}

// segments are the names of the places in checks of growing lags.
var segments = map[adminv1.HeldAt]string{captureHolds: lag.CommitToCapture, kafkaAwaits: lag.CaptureToKafka,
	sinkAwaits: lag.KafkaToSink, sinkHolds: lag.SinkToQueryable}

// holds reports whether a check is about a notice that holds up the row's topic.
func (e *explainer) holds(r *row, subject string) bool {
	if !strings.HasPrefix(subject+" ", r.Sink+" "+r.Topic+" ") {
		return false
	}
	for _, s := range e.view.Pipeline.Sinks {
		for _, n := range s.Sink.GetNotices() {
			if s.Status.GetName() != r.Sink || n.Topic != r.Topic {
				continue
			}
			switch n.Kind {
			case sinkv1.SinkNotice_KIND_TOPIC_DELETED, sinkv1.SinkNotice_KIND_RECORDS_MISSING,
				sinkv1.SinkNotice_KIND_TABLE_CHANGING, sinkv1.SinkNotice_KIND_TRANSACTION_HANGING:
				if checks.NoticeSubject(r.Sink, n) == subject {
					return true
				}
			}
		}
	}
	return false
}
