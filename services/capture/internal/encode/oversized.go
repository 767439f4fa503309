package encode

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// Oversized deals with records that are too large for their topic: they are cut to fit, or set
// aside in the topic of dead letters, in the same Kafka transaction as the records around them.
// Sizes are those before compression.
type Oversized struct {
	config OversizedConfig
	ctx    context.Context
}

// OversizedConfig is what Oversized works with.
type OversizedConfig struct {
	Set       spec.Oversized
	Connector string
	Limits    *kafka.TopicLimits
	Logger    *slog.Logger
	// Count counts the records that were "truncated" or became dead letters ("oversized").
	Count func(kind string)
}

// NewOversized makes an Oversized that may ask the brokers for the limits of topics until ctx ends;
// nil where oversized records stop the connector.
func NewOversized(ctx context.Context, c OversizedConfig) *Oversized {
	if c.Set.Mode == spec.StopOversized {
		return nil
	}
	return &Oversized{c, ctx}
}

// Headers of dead letters. Those of Kafka Connect have their names of KIP-298; the others say which
// part of which record a dead letter holds.
const (
	headerTopic     = "__connect.errors.topic"
	headerConnector = "__connect.errors.connector.name"
	headerMessage   = "__connect.errors.exception.message"
	headerLSN       = "__calypso.lsn"
	headerOf        = "__calypso.of" // value or key
	headerPart      = "__calypso.part"
	headerParts     = "__calypso.parts"
	headerTruncated = "__calypso.truncated"
)

// smallRecord is a size in bytes that every topic is assumed to accept, so that no limit is asked
// for.
const smallRecord = 512

// fit reports whether the topics take all the records.
func (o *Oversized) fit(records []kgo.Record) bool {
	for i := range records {
		if !o.fits(&records[i]) {
			return false
		}
	}
	return true
}

func (o *Oversized) fits(r *kgo.Record) bool {
	n := kafka.RecordSize(r)
	return n <= smallRecord || n <= o.config.Limits.Of(o.ctx, r.Topic)
}

// leastCut is the shortest length in bytes that a column is cut to.
const leastCut = 64

// cutToFit encodes an event again with its largest columns cut, in place of its records, which were
// appended since from. They stay as they are if cutting is not asked for, if no cut makes them fit,
// or if a cut would change a key.
func (o *Oversized) cutToFit(t *Table, b *debezium.Batch, from debezium.Mark, ev *debezium.Event) {
	if o.config.Set.Mode != spec.CutOversized {
		return
	}
	whole := slices.Clone(b.Since(from))
	for length := longestCuttable(t.Columns.Relation, ev); length > leastCut; {
		length = o.shorten(length, b.Since(from))
		cuts, err := appendCut(t, b, from, ev, length)
		if err != nil || !sameKeys(b.Since(from), whole) {
			break
		}
		if cut := b.Since(from); o.fit(cut) {
			o.config.Count("truncated")
			o.config.Logger.Warn("a record was too large for its topic; its largest columns were cut (oversized.records.mode)",
				"topic", cut[0].Topic, "columns", cuts, telemetry.Passing("lsn", pgrepl.LSN(ev.Source.LSN).String()))
			return
		}
	}
	b.Rollback(from)
	for _, r := range whole {
		b.Put(r)
	}
}

// longestCuttable is the length of the longest value that can be cut.
func longestCuttable(rel *pgmodel.Relation, ev *debezium.Event) (longest int) {
	for _, row := range []pgmodel.Tuple{ev.Before, ev.After} {
		for i := range row {
			if cuttable(rel, i, row[i]) {
				longest = max(longest, len(row[i].Data))
			}
		}
	}
	return longest
}

// shorten returns the next length to cut to, after one that made these records: shorter in
// proportion, and by another tenth, since not all of a record can be cut.
func (o *Oversized) shorten(length int, records []kgo.Record) int {
	largest, limit := 0, 0
	for i := range records {
		if n := kafka.RecordSize(&records[i]); n > largest {
			largest, limit = n, o.config.Limits.Of(o.ctx, records[i].Topic)
		}
	}
	return max(leastCut, min(length*9/10, int(int64(length)*int64(limit)/int64(largest))*9/10))
}

// appendCut encodes an event in place of the records since from, with values cut to a length, and
// returns the sizes that they had by column, as JSON.
func appendCut(t *Table, b *debezium.Batch, from debezium.Mark, ev *debezium.Event, length int) (string, error) {
	shorter := *ev
	cuts := make(map[string]int)
	shorter.Before = cutRow(t.Columns.Relation, ev.Before, length, cuts)
	shorter.After = cutRow(t.Columns.Relation, ev.After, length, cuts)
	note, err := json.Marshal(cuts)
	if err != nil {
		return "", err
	}
	shorter.Headers = append(slices.Clone(ev.Headers), kgo.RecordHeader{Key: headerTruncated, Value: note})
	b.Rollback(from)
	_, err = t.encoder.Append(b, &shorter)
	return string(note), err
}

// sameKeys reports whether two lists of records have the same keys.
func sameKeys(a, b []kgo.Record) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if string(a[i].Key) != string(b[i].Key) {
			return false
		}
	}
	return true
}

// cuttable reports whether a column's value is text or bytes, which still mean something when they
// are cut.
func cuttable(rel *pgmodel.Relation, i int, d pgmodel.Datum) bool {
	if d.Kind != pgmodel.Text || rel.Columns[i].Type == nil {
		return false
	}
	t, _ := rel.Columns[i].Type.Base(-1)
	if t.Kind != pgmodel.BaseType {
		return false
	}
	switch t.Name {
	case "text", "varchar", "bpchar", "citext", "bytea":
		return true
	}
	return false
}

// cutRow returns the row with longer columns cut to length bytes, and notes the sizes that they
// had. Text ends with a mark.
func cutRow(rel *pgmodel.Relation, row pgmodel.Tuple, length int, cuts map[string]int) pgmodel.Tuple {
	out := append(pgmodel.Tuple(nil), row...)
	for i := range out {
		d := &out[i]
		if len(d.Data) <= length || !cuttable(rel, i, *d) {
			continue
		}
		c, n := &rel.Columns[i], len(d.Data)
		if isBytea(c.Type) { // \x and two digits a byte
			n = (n - 2) / 2
			d.Data = d.Data[:length&^1]
		} else {
			end := length
			for end > 0 && !utf8.RuneStart(d.Data[end]) {
				end--
			}
			d.Data = fmt.Appendf(append([]byte(nil), d.Data[:end]...), "…[cut: %d bytes in all]", n)
		}
		cuts[c.Name] = max(cuts[c.Name], n)
	}
	return out
}

func isBytea(t *pgmodel.Type) bool {
	base, _ := t.Base(-1)
	return base.Name == "bytea"
}

// SetAside replaces the records appended since from that are still too large by dead letters. lsn
// is where their change lies.
func (o *Oversized) SetAside(b *debezium.Batch, from debezium.Mark, lsn uint64) error {
	if o.fit(b.Since(from)) {
		return nil
	}
	records := slices.Clone(b.Since(from))
	b.Rollback(from)
	for i := range records {
		r := &records[i]
		if o.fits(r) {
			b.Put(*r)
			continue
		}
		letters, err := o.deadLetters(r, lsn)
		if err != nil {
			b.Rollback(from)
			return err
		}
		for _, l := range letters {
			b.Put(l)
		}
		o.config.Count("oversized")
		o.config.Logger.Warn("a record was too large for its topic and is a dead letter now (oversized.records.mode)",
			"topic", r.Topic,
			telemetry.Passing("bytes", kafka.RecordSize(r)), "dead letters", o.config.Set.Topic,
			telemetry.Passing("parts", len(letters)),
			telemetry.Passing("lsn", pgrepl.LSN(lsn).String()))
	}
	return nil
}

// deadLetters splits a record into dead letters: first its key, if that is long, then its value.
func (o *Oversized) deadLetters(r *kgo.Record, lsn uint64) ([]kgo.Record, error) {
	limit := o.config.Limits.Of(o.ctx, o.config.Set.Topic)
	reason := fmt.Sprintf("%d bytes are too large for topic %s, whose limit is %d bytes", kafka.RecordSize(r), r.Topic,
		o.config.Limits.Of(o.ctx, r.Topic))
	head := kgo.Record{Topic: o.config.Set.Topic, Partition: -1, Key: r.Key,
		Headers: append(append([]kgo.RecordHeader(nil), r.Headers...),
			header(headerTopic, r.Topic), header(headerConnector, o.config.Connector), header(headerMessage, reason),
			header(headerLSN, pgrepl.LSN(lsn).String()))}
	longKey := len(r.Key) > limit/4
	if longKey {
		head.Key = nil
	}
	const numbers = 200 // more than the headers of a part take
	room := limit - kafka.RecordSize(&head) - numbers
	if room < leastCut {
		return nil, deliver.TooLarge(r, o.config.Limits,
			fmt.Errorf("its headers do not fit into a dead letter of topic %s", o.config.Set.Topic))
	}
	var out []kgo.Record
	split := func(of string, data []byte) {
		parts := max(1, (len(data)+room-1)/room)
		for i := range parts {
			l := head
			l.Headers = append(append([]kgo.RecordHeader(nil), head.Headers...), header(headerOf, of),
				header(headerPart, strconv.Itoa(i+1)), header(headerParts, strconv.Itoa(parts)))
			l.Value = data[min(i*room, len(data)):min((i+1)*room, len(data))]
			out = append(out, l)
		}
	}
	if longKey {
		split("key", r.Key)
	}
	split("value", r.Value)
	return out, nil
}

func header(key, value string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: key, Value: []byte(value)}
}
