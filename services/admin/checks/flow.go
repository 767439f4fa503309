package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/shell"
	"github.com/calypso-cdc/calypso/services/admin/lag"
)

// leastGrowth is how much later a segment must have become for that to be a warning.
const leastGrowth = time.Minute

// judgeLag looks at whether a segment falls further and further behind. The time that a sink's
// batches may take to fill is allowed for.
func judgeLag(v View, s lag.Segment, l *adminv1.Lag) finding {
	late := l.Time.AsDuration().Round(time.Millisecond)
	grown := v.Trends.Growth[s]
	if grown < leastGrowth || s.Sink != "" && grown < 2*FlushInterval(v.Sinks[s.Sink]) {
		return fine(fmt.Sprintf("%v behind", late))
	}
	remedy := map[string]string{
		lag.CommitToCapture: "see whether the worker's CPU or the network is the limit, and split the tables over two connectors with a slot each",
		lag.CaptureToKafka:  "see whether the brokers take the records: the produce rate and the disks of the brokers",
		lag.KafkaToSink:     fmt.Sprintf("raise tasks.max of %s up to the number of partitions, or add sink workers", s.Sink),
		lag.SinkToQueryable: "see the ingestion of the cluster (.show ingestion failures; .show capacity | where Resource == 'Ingestions'), and send larger batches",
	}[s.Name]
	return finding{warning, fmt.Sprintf("%v behind, and %v more than %v ago", late, grown.Round(time.Second),
		v.Trends.Over.Round(time.Second)), remedy}
}

// FlushInterval is how long a sink waits for a batch to fill; a minute, its default, if it does not say.
func FlushInterval(config map[string]string) time.Duration {
	ms, err := strconv.ParseInt(config["flush.interval.ms"], 10, 64)
	if err != nil || ms <= 0 || ms > int64(24*time.Hour/time.Millisecond) {
		return time.Minute
	}
	return time.Duration(ms) * time.Millisecond
}

// judgeTopics looks for topics that nobody reads.
func judgeTopics(v View) finding {
	p := v.Pipeline
	if len(p.Sinks) == 0 {
		return finding{notice, "no sink connector reads the topics of " + p.Source,
			"calypsoctl apply -f <file of a sink connector>"}
	}
	var readers []func(string) bool
	for _, s := range p.Sinks {
		readers = append(readers, Reader(v.Sinks[s.Status.GetName()]))
	}
	var unread []string
	for _, topic := range p.Topics {
		if !internal(topic, v.Source) && !slices.ContainsFunc(readers,
			func(reads func(string) bool) bool { return reads(topic) }) {
			unread = append(unread, topic)
		}
	}
	switch {
	case len(p.Topics) == 0 && p.Capture == nil:
		return finding{notice, "which topics " + p.Source + " has is not known", "calypsoctl get services"}
	case len(p.Topics) == 0:
		return fine(p.Source + " has written to no topic yet")
	case len(unread) == 0:
		return fine("every topic has a sink")
	}
	const most = 5
	names := strings.Join(unread[:min(len(unread), most)], ", ")
	if len(unread) > most {
		names += fmt.Sprintf(" and %d more", len(unread)-most)
	}
	return finding{notice, fmt.Sprintf("no sink reads %s: %s", Plural(len(unread), "topic", "topics"), names),
		"add them to topics or topics.regex of a sink, or leave the tables out by table.include.list"}
}

// judgeTables looks for tables whose events lack something, such as a key or old values, according
// to capture.
func judgeTables(source string, tables []*capturev1.CapturedTable) finding {
	var first *capturev1.CapturedTable
	n := 0
	for _, t := range tables {
		if len(t.Warnings) == 0 {
			continue
		}
		if n++; first == nil {
			first = t
		}
	}
	if n == 0 {
		return fine(fmt.Sprintf("the events of %s lack nothing", count(len(tables), "table")))
	}
	what, remedy, all := first.Warnings[0], "", "calypsoctl get tables "+shell.Quote(source)
	if at := strings.LastIndex(what, ": "); at >= 0 {
		what, remedy = what[:at], strings.TrimSuffix(what[at+len(": "):], " sends it.")
	}
	switch {
	case remedy == "":
		remedy = all
	case n > 1 || len(first.Warnings) > 1:
		remedy = strings.TrimRight(remedy, ".;") + "; and so on for what " + all + " names"
	}
	return finding{notice, fmt.Sprintf("the events of %s lack something; of %s: %s", count(n, "table"), first.Table, what),
		remedy}
}

// mostKeptBack bounds how many tables have a check of their own for what is kept back from them.
const mostKeptBack = 20

// keepingBack lists the tables from which PostgreSQL keeps something back; only the first if there
// are many.
func keepingBack(tables []*capturev1.CapturedTable) (out []*capturev1.CapturedTable) {
	for _, t := range tables {
		if len(t.KeptBack) > 0 && len(out) < mostKeptBack {
			out = append(out, t)
		}
	}
	return out
}

// judgeKeptBack says what does not arrive from a table, and the statement that changes that.
func judgeKeptBack(source string, t *capturev1.CapturedTable) finding {
	var what, remedies []string
	for _, text := range t.KeptBack {
		said, remedy, _ := strings.Cut(text, ": ALTER ")
		what = append(what, said)
		if remedy != "" {
			remedies = append(remedies, "ALTER "+remedy)
		}
	}
	remedy := strings.Join(remedies, " ")
	if remedy != "" {
		remedy += " It is looked at again within a minute, or, where the slot's plugin is not pgoutput, after: calypsoctl restart " + shell.Quote(source)
	}
	return finding{warning, fmt.Sprintf("%s: %s", t.Table, strings.Join(what, "; ")), remedy}
}

// internal reports whether a topic belongs to no table: heartbeats, transactions, schema changes.
func internal(topic string, source map[string]string) bool {
	prefix := Prefix(source)
	heartbeats := source["heartbeat.topics.prefix"]
	if heartbeats == "" {
		heartbeats = source["topic.heartbeat.prefix"]
	}
	return strings.HasPrefix(topic, "__") || heartbeats != "" && strings.HasPrefix(topic, heartbeats) || topic == prefix ||
		topic == prefix+".transaction" || topic == prefix+".message"
}

// Prefix is how the names of a source connector's topics begin.
func Prefix(source map[string]string) string {
	if prefix := source["topic.prefix"]; prefix != "" {
		return prefix
	}
	return source["database.server.name"]
}

// Reader returns a function that reports whether a sink with a configuration reads a topic.
func Reader(sink map[string]string) func(topic string) bool {
	var named []string
	for topic := range strings.SplitSeq(sink["topics"], ",") {
		if topic = strings.TrimSpace(topic); topic != "" {
			named = append(named, topic)
		}
	}
	var pattern *javaregex.Pattern
	if text := strings.TrimSpace(sink["topics.regex"]); text != "" {
		pattern, _ = javaregex.Compile(text) // a wrong one reads nothing; its connector fails and says so
	}
	return func(topic string) bool {
		return slices.Contains(named, topic) || pattern != nil && pattern.Matches(topic)
	}
}

// judgeFlow says what flows; it is at most a notice, and the reason of a pipeline with nothing wrong.
func judgeFlow(p *adminv1.Pipeline) finding {
	does := ""
	if p.Capture.GetPhase() == capturev1.Phase_PHASE_STREAMING {
		does = "streaming; "
	}
	waiting := lag.Records(p)
	switch {
	case len(p.Sinks) == 0:
		return fine(does + "no sink connector reads the topics")
	case slices.ContainsFunc(p.Sinks, func(s *adminv1.PipelineSink) bool { return !lag.Known(s.Sink) }):
		return finding{notice, does + "how much is on its way to Azure Data Explorer is not known", "calypsoctl get services"}
	case waiting > 0 && slices.ContainsFunc(p.Sinks, func(s *adminv1.PipelineSink) bool { return Idle(s.Sink) }):
		return fine(does + Plural(int(waiting), "record waits", "records wait") + " in Kafka for a sink that does not run")
	case waiting == 0:
		return fine(does + "Azure Data Explorer has everything that is in Kafka")
	}
	return fine(does + Plural(int(waiting), "record is on its",
		"records are on their") + " way from Kafka to Azure Data Explorer")
}
