package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// oversized keeps records that their topic would not take out of it: cut to fit, or set aside in the topic of dead letters,
// in the same Kafka transaction as the records around it. Sizes are those before compression. It is used by the goroutines
// that encode, each for its own batches.
type oversized struct {
	ctx       context.Context // of the session
	limits    *kafka.TopicLimits
	topic     string
	cut       bool
	connector string
	logger    *slog.Logger
	meters    *meters
}

func newOversized(ctx context.Context, s spec.Oversized, limits *kafka.TopicLimits, t *task) *oversized {
	return &oversized{ctx: ctx, limits: limits, topic: s.Topic, cut: s.Mode == spec.CutOversized, connector: t.env.Connector, logger: t.env.Logger, meters: t.meters}
}

// Headers of dead letters. Those of Kafka Connect are named as KIP-298 has it; the others say which part of what a record
// holds.
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

// smallRecord is a size that every topic's limit may be thought to have.
const smallRecord = 512

// fit says whether the topics take all the records.
func (o *oversized) fit(records []kgo.Record) bool {
	for i := range records {
		if !o.fits(&records[i]) {
			return false
		}
	}
	return true
}

func (o *oversized) fits(r *kgo.Record) bool {
	n := kafka.RecordSize(r)
	return n <= smallRecord || n <= o.limits.Of(o.ctx, r.Topic)
}

// leastCut is the shortest length in bytes that a column is cut to.
const leastCut = 64

// cutToFit encodes an event again, whose records begin at from in the batch, with its largest columns cut, and returns the
// batch's records and size then. Where no cut makes it fit, or a cut would change a key, they are as they were.
func (o *oversized) cutToFit(e *tableEncoder, b *change.Batch, from, size int, ev *change.Event) ([]kgo.Record, int) {
	whole, wholeSize := append([]kgo.Record(nil), b.Records[from:]...), b.Size
	keep := func() ([]kgo.Record, int) { return append(b.Records[:from], whole...), wholeSize }
	longest := 0
	for _, row := range []change.Tuple{ev.Before, ev.After} {
		for i := range row {
			if cuttable(e.rel, i, row[i]) {
				longest = max(longest, len(row[i].Data))
			}
		}
	}
	for length := longest; length > leastCut; {
		largest, limit := 0, 0
		for i := range b.Records[from:] {
			r := &b.Records[from+i]
			if n := kafka.RecordSize(r); n > largest {
				largest, limit = n, o.limits.Of(o.ctx, r.Topic)
			}
		}
		// In proportion, and a tenth less, since not all of the record can be cut.
		length = max(leastCut, min(length*9/10, int(int64(length)*int64(limit)/int64(largest))*9/10))
		shorter := *ev
		cuts := make(map[string]int)
		shorter.Before, shorter.After = cutRow(e.rel, ev.Before, length, cuts), cutRow(e.rel, ev.After, length, cuts)
		note, err := json.Marshal(cuts)
		if err != nil {
			return keep()
		}
		shorter.Headers = append(append([]kgo.RecordHeader(nil), ev.Headers...), kgo.RecordHeader{Key: headerTruncated, Value: note})
		b.Records, b.Size = b.Records[:from], size
		if _, err := e.Encoder.Append(b, &shorter); err != nil || !sameKeys(b.Records[from:], whole) {
			return keep()
		}
		if o.fit(b.Records[from:]) {
			o.meters.decodeError(o.ctx, "truncated")
			o.logger.Warn("A record was too large for its topic; its largest columns were cut (oversized.records.mode)", "topic", b.Records[from].Topic, "columns", string(note), telemetry.Passing("lsn", pgrepl.LSN(ev.Source.LSN).String()))
			return b.Records, b.Size
		}
	}
	return keep()
}

// sameKeys says whether records have the keys of others.
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

// cuttable says whether a column's value is text or bytes that mean something when they are cut.
func cuttable(rel *change.Relation, i int, d change.Datum) bool {
	if d.Kind != change.Text || rel.Columns[i].Type == nil {
		return false
	}
	t := rel.Columns[i].Type
	for t.Kind == change.DomainType && t.Elem != nil {
		t = t.Elem
	}
	if t.Kind != change.BaseType {
		return false
	}
	switch t.Name {
	case "text", "varchar", "bpchar", "citext", "bytea":
		return true
	}
	return false
}

// cutRow returns the row with longer columns cut to length bytes, and notes the sizes that they had. Text ends with a mark.
func cutRow(rel *change.Relation, row change.Tuple, length int, cuts map[string]int) change.Tuple {
	out := append(change.Tuple(nil), row...)
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

func isBytea(t *change.Type) bool {
	for t.Kind == change.DomainType && t.Elem != nil {
		t = t.Elem
	}
	return t.Name == "bytea"
}

// setAside replaces the records from an index on that are still too large by dead letters. lsn is where their change lies.
func (o *oversized) setAside(b *change.Batch, from int, lsn uint64) error {
	records := append([]kgo.Record(nil), b.Records[from:]...)
	b.Records = b.Records[:from]
	for i := range records {
		r := &records[i]
		if o.fits(r) {
			b.Records = append(b.Records, *r)
			continue
		}
		letters, err := o.letters(r, lsn)
		if err != nil {
			return err
		}
		for _, l := range letters {
			b.Size += kafka.RecordSize(&l) - len(l.Value)
			b.Records = append(b.Records, l)
		}
		o.meters.decodeError(o.ctx, "oversized")
		o.logger.Warn("A record was too large for its topic and is a dead letter now (oversized.records.mode)", "topic", r.Topic, telemetry.Passing("bytes", kafka.RecordSize(r)), "dead letters", o.topic, telemetry.Passing("parts", len(letters)), telemetry.Passing("lsn", pgrepl.LSN(lsn).String()))
	}
	return nil
}

// letters splits a record into dead letters: first its key, if that is long, then its value.
func (o *oversized) letters(r *kgo.Record, lsn uint64) ([]kgo.Record, error) {
	limit := o.limits.Of(o.ctx, o.topic)
	reason := fmt.Sprintf("%d bytes are too large for topic %s, whose limit is %d bytes", kafka.RecordSize(r), r.Topic, o.limits.Of(o.ctx, r.Topic))
	head := kgo.Record{Topic: o.topic, Partition: -1, Key: r.Key, Headers: append(append([]kgo.RecordHeader(nil), r.Headers...),
		header(headerTopic, r.Topic), header(headerConnector, o.connector), header(headerMessage, reason), header(headerLSN, pgrepl.LSN(lsn).String()))}
	longKey := len(r.Key) > limit/4
	if longKey {
		head.Key = nil
	}
	const numbers = 200 // more than the headers of a part take
	room := limit - kafka.RecordSize(&head) - numbers
	if room < leastCut {
		return nil, deliver.TooLarge(r, limit, fmt.Errorf("its headers do not fit into a dead letter of topic %s", o.topic))
	}
	var out []kgo.Record
	split := func(of string, data []byte) {
		parts := max(1, (len(data)+room-1)/room)
		for i := range parts {
			l := head
			l.Headers = append(append([]kgo.RecordHeader(nil), head.Headers...), header(headerOf, of), header(headerPart, strconv.Itoa(i+1)), header(headerParts, strconv.Itoa(parts)))
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
