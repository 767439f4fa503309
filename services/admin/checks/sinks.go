package checks

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/shell"
	"github.com/calypso-cdc/calypso/services/admin/lag"
)

// recent is how long a cluster counts as throttling after an attempt: longer than the longest pause
// between two attempts.
const recent = 2 * time.Minute

// Idle reports whether no task of a sink runs: all that is known then is what waits in its topics.
func Idle(s *sinkv1.Sink) bool { return s.GetGuarantee() == "" }

// waits adds to a finding how much waits for a sink that does not run.
func waits(f finding, p *adminv1.Pipeline, s *adminv1.PipelineSink) finding {
	if f.state == ok || s.Sink == nil || !Idle(s.Sink) {
		return f
	}
	var records int64
	for _, part := range s.Sink.Partitions {
		records += lag.Waiting(p, part)
	}
	f.summary += fmt.Sprintf("; %s in Kafka for it, as long as the topics keep them",
		Plural(int(records), "record waits", "records wait"))
	return f
}

// judgeIngestion looks at whether attempts to ingest fail now. A cluster that throttles counts as
// failing between the attempts too.
func judgeIngestion(now time.Time, s *sinkv1.Sink, name string) finding {
	why, obstacle := s.TryingAgain, s.TryingAgainObstacle
	if why == "" && s.LastErrorTime != nil && now.Sub(s.LastErrorTime.AsTime()) < recent &&
		s.LastErrorObstacle == sinkv1.Sink_OBSTACLE_THROTTLED {
		why, obstacle = s.LastError, s.LastErrorObstacle
	}
	if why == "" {
		return fine(fmt.Sprintf("%s in Azure Data Explorer; attempts were repeated %s",
			Plural(int(s.BatchesIngested), "batch is", "batches are"), count(int(s.Retries), "time")))
	}
	summary, remedy := fmt.Sprintf("%s tries again: %s", name, Sentence(why)), ""
	switch obstacle {
	case sinkv1.Sink_OBSTACLE_THROTTLED:
		summary = fmt.Sprintf("the cluster throttles %s: %s", name, Sentence(why))
		remedy = "send larger batches (flush.size.bytes, flush.interval.ms), or: az kusto cluster update --name <cluster> --resource-group <group> --sku name=<sku> tier=Standard capacity=<n>"
	case sinkv1.Sink_OBSTACLE_ACCESS_DENIED:
		remedy = ".add database <database> ingestors ('aadapp=<application id>;<tenant>'); and see that the secret has not expired: az ad app credential list --id <application id>"
	case sinkv1.Sink_OBSTACLE_TARGET_MISSING:
		remedy = "make the table and its mapping as the error says: calypsoctl describe " + shell.Quote(name)
	case sinkv1.Sink_OBSTACLE_OTHER_SERVER:
		remedy = "see what answers at kusto.ingestion.url and kusto.query.url, and at the proxy if one is set: they are to be https://ingest-<cluster>.<region>.kusto.windows.net and https://<cluster>.<region>.kusto.windows.net"
	case sinkv1.Sink_OBSTACLE_ELSEWHERE:
		remedy = cmp.Or(remedyOf(why, "the setting that the error is about"),
			"it is not the cluster: see that what the error names, such as Kafka's brokers or the registry of schemas, runs and can be reached from the worker")
	default:
		remedy = cmp.Or(remedyOf(why, "kusto.tls.ca.file"),
			"see that the cluster runs and can be reached from the worker: az kusto cluster show --name <cluster> --resource-group <group> --query state")
	}
	return finding{warning, summary, remedy}
}

// judgeLetters looks at records that were set aside.
func judgeLetters(s *sinkv1.Sink, name string, last lag.Rise) finding {
	open, since := s.GetOpenDeadLetters(), ""
	if s.OpenDeadLetters == nil { // nobody could count them
		open, since = s.RowsDeadLettered, " since its tasks started"
	}
	if open == 0 {
		return fine("no record of " + name + " waits as a dead letter" + since)
	}
	summary := Plural(int(open), "row of "+name+" is a dead letter", "rows of "+name+" are dead letters") + since
	if !last.At.IsZero() {
		summary += fmt.Sprintf("; the last %d came at %s", last.By, last.At.UTC().Format(time.RFC3339))
	}
	return finding{warning, summary,
		fmt.Sprintf("calypsoctl dead-letters list %[1]s; once the cause is fixed: calypsoctl dead-letters replay %[1]s --all",
			shell.Quote(name))}
}

// judgePassedOver looks at records that were dropped because the user wants that.
func judgePassedOver(s *sinkv1.Sink, name string) (f finding, any bool) {
	if s.RowsPassedOver == 0 {
		return finding{}, false
	}
	return finding{warning, Plural(int(s.RowsPassedOver), "row of "+name+" was",
		"rows of "+name+" were") + " refused and passed over: errors.tolerance is all, and there is no dead letter topic",
		"set errors.deadletterqueue.topic.name, so that they are kept"}, true
}

// judgeSinkDelivery looks at whether a row can be ingested twice.
func judgeSinkDelivery(s *sinkv1.Sink) finding {
	if strings.HasPrefix(s.Guarantee, "at least once") {
		return finding{notice, s.Guarantee, "queued ingestion with delivery.guarantee=exactly_once has each row once"}
	}
	return fine(s.Guarantee)
}

// NoticeSubject is the subject of a check that identifies a notice among those of a sink.
func NoticeSubject(sink string, n *sinkv1.SinkNotice) string {
	return strings.TrimSpace(strings.Join([]string{sink, n.Topic, n.Column}, " "))
}

// judgeNotice weighs a notice about something that a sink cannot fix by itself. Only a table that
// is being changed needs no action.
func judgeNotice(n *sinkv1.SinkNotice) finding {
	state := warning
	switch n.Kind {
	case sinkv1.SinkNotice_KIND_TABLE_CHANGING, sinkv1.SinkNotice_KIND_TRUNCATED:
		state = notice
	}
	return finding{state, n.Summary, n.Remedy}
}

// judgeTruncates looks ahead to a TRUNCATE upstream, which the source leaves out by default: a
// table of changes cannot follow what its topic does not have. any is false for other tables, which
// never follow a TRUNCATE.
func judgeTruncates(v View, name string) (f finding, any bool) {
	if !strings.EqualFold(strings.TrimSpace(v.Sinks[name]["table.form"]), "changes") {
		return finding{}, false
	}
	source := v.Pipeline.Source
	why, remedy := "", ""
	switch plugin := cmp.Or(v.Pipeline.Capture.GetSlot().GetPlugin(), v.Source["plugin.name"]); {
	case skipsTruncates(v.Source):
		why, remedy = "connector "+source+" leaves truncates out (skipped.operations)",
			"set skipped.operations=none in the configuration of "+source+", and apply it: calypsoctl apply -f <file>"
	case plugin == "decoderbufs":
		why, remedy = "plugin decoderbufs of connector "+source+" sends no truncates",
			"let "+source+" read with plugin.name=pgoutput"
	default:
		return fine("a truncate upstream comes to " + name), true
	}
	stays := "would not show in the tables of changes of " + name
	if strings.EqualFold(strings.TrimSpace(v.Sinks[name]["current.state"]), "true") {
		stays = "would leave all rows of the table in <table>_current of " + name
	}
	return finding{notice, why + ": a TRUNCATE upstream " + stays, remedy}, true
}

// skipsTruncates reads skipped.operations, whose default is t.
func skipsTruncates(source map[string]string) bool {
	operations, given := source["skipped.operations"]
	if !given {
		return true
	}
	for operation := range strings.SplitSeq(operations, ",") {
		if strings.EqualFold(strings.TrimSpace(operation), "t") {
			return true
		}
	}
	return false
}
