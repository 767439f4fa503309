package lateness

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/services/admin/lag"
)

// View is what is known about a pipeline.
type View struct {
	// Pipeline with states, lags and checks.
	Pipeline *adminv1.Pipeline
	// Prefix begins the names of its topics.
	Prefix string
	// Tables are the captured tables; nil if they are not known.
	Tables []*capturev1.CapturedTable
	// Sinks are those of the pipeline, by name.
	Sinks map[string]Sink
}

// Sink is what a sink's configuration says.
type Sink struct {
	// Reads reports whether it reads a topic.
	Reads func(topic string) bool
	// Patience is how long its batches may take to fill.
	Patience time.Duration
}

// row is the status of a table in a target, with what it is derived from.
type row struct {
	*adminv1.TableStatus
	captured *capturev1.CapturedTable
	// parts are the partitions of the topic that go to the target; none if the sink did not say.
	parts []*sinkv1.PartitionProgress
	place place
}

// rowsOf returns the tables of a pipeline, a row for each target, sorted by topic, sink and target.
// Topics that belong to no table, which the connector uses for itself, are left out unless a sink
// reads them.
func rowsOf(v View) (rows []*row) {
	captured, names := topicsOf(v)
	topics := make([]string, 0, len(names))
	for topic := range names {
		topics = append(topics, topic)
	}
	bySink := make([]map[string][]*sinkv1.PartitionProgress, len(v.Pipeline.Sinks))
	for i, s := range v.Pipeline.Sinks {
		bySink[i] = map[string][]*sinkv1.PartitionProgress{}
		for _, part := range s.Sink.GetPartitions() {
			if _, known := names[part.Topic]; !known {
				names[part.Topic] = TableOf(part.Topic, v.Prefix)
				topics = append(topics, part.Topic)
			}
			bySink[i][part.Topic] = append(bySink[i][part.Topic], part)
		}
	}
	slices.Sort(topics)
	for _, topic := range topics {
		read := false
		add := func(sink, target string, parts []*sinkv1.PartitionProgress) {
			rows = append(rows, &row{TableStatus: &adminv1.TableStatus{Source: v.Pipeline.Source, Table: names[topic],
				Topic: topic, Sink: sink, Target: target}, captured: captured[topic], parts: parts})
		}
		for i, s := range v.Pipeline.Sinks {
			name, parts := s.Status.GetName(), bySink[i][topic]
			if len(parts) == 0 {
				if reads := v.Sinks[name].Reads; reads == nil || !reads(topic) {
					continue
				}
				add(name, "", nil)
			}
			read = true
			for _, to := range targetsOf(parts) {
				add(name, to.name, to.parts)
			}
		}
		if !read && names[topic] != "" {
			add("", "", nil)
		}
	}
	return rows
}

// topicsOf returns the captured tables by topic, and the names of the tables of all topics.
func topicsOf(v View) (captured map[string]*capturev1.CapturedTable, names map[string]string) {
	captured, names = make(map[string]*capturev1.CapturedTable, len(v.Tables)), make(map[string]string, len(v.Tables))
	for _, t := range v.Tables {
		captured[t.Topic], names[t.Topic] = t, t.Table
	}
	for _, topic := range v.Pipeline.Topics {
		if _, known := names[topic]; !known {
			names[topic] = TableOf(topic, v.Prefix)
		}
	}
	return captured, names
}

// TableOf is the table after which a topic is named, <prefix>.<schema>.<table>; empty if its name
// has another form.
func TableOf(topic, prefix string) string {
	table, ok := strings.CutPrefix(topic, prefix+".")
	if !ok || !strings.Contains(table, ".") {
		return ""
	}
	return table
}

type target struct {
	name  string
	parts []*sinkv1.PartitionProgress
}

// targetsOf returns the targets that the partitions of a topic go to. A partition whose target is
// not known yet is counted with the others if these agree: most sinks have one target for a topic.
func targetsOf(parts []*sinkv1.PartitionProgress) (all []target) {
	for _, part := range parts {
		name := targetOf(part)
		i := slices.IndexFunc(all, func(t target) bool { return t.name == name })
		if i < 0 {
			i = len(all)
			all = append(all, target{name: name})
		}
		all[i].parts = append(all[i].parts, part)
	}
	slices.SortFunc(all, func(a, b target) int { return strings.Compare(a.name, b.name) })
	if len(all) == 2 && all[0].name == "" {
		all[1].parts = append(all[1].parts, all[0].parts...)
		all = all[1:]
	}
	return all
}

func targetOf(part *sinkv1.PartitionProgress) string {
	if part.TargetTable == "" {
		return ""
	}
	return part.TargetDatabase + "." + part.TargetTable
}

// Judge makes the rows of a pipeline, whose checks must have been made. unexplained is a check
// about tables that are late without another cause; nil if there are none.
func (m *Memory) Judge(now time.Time, v View) (all []*adminv1.TableStatus, unexplained *adminv1.HealthCheck) {
	rows := rowsOf(v)
	m.place(now, v, rows)
	e := newExplainer(now, v)
	for _, r := range rows {
		for _, part := range r.parts {
			r.RecordsWaiting += lag.Waiting(v.Pipeline, part)
		}
		r.HeldAt = r.place.at
		if !r.place.oldest.IsZero() {
			r.LateSeconds = max(0, now.Sub(r.place.oldest).Seconds())
		}
		if r.HeldAt != 0 {
			r.HeldSince = timestamppb.New(r.place.since)
		}
		e.explain(r)
		r.Sentence = sentence(r)
		all = append(all, r.TableStatus)
	}
	return all, e.unexplained()
}

// Compare orders rows: those that are late for a reason come first, the latest of them first.
func Compare(a, b *adminv1.TableStatus) int {
	caused := func(r *adminv1.TableStatus) int {
		if r.Check != "" {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(caused(b), caused(a)), cmp.Compare(b.LateSeconds, a.LateSeconds),
		cmp.Compare(b.Verdict, a.Verdict), ByName(a, b))
}

// ByName orders rows by source, table and sink.
func ByName(a, b *adminv1.TableStatus) int {
	return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.Table, b.Table),
		strings.Compare(a.Topic, b.Topic), strings.Compare(a.Sink, b.Sink), strings.Compare(a.Target, b.Target))
}
