package poll

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// source is a table that is polled, or the query.
//
// Rows come in the order of the mode's columns. In mode timestamp the primary key breaks ties, so
// that polling can go on between rows of the same time; without a key, rows of the same time share
// a Kafka transaction.
type source struct {
	set       *spec
	mode      mode
	table     pgrepl.Table // empty for the query
	name      string       // for messages
	topic     string
	offsetKey []byte
	// offset is the offset after the last row delivered.
	offset offset
	due    time.Time

	schema  *record.Schema
	columns []column
	// stamps, number and ties are indexes of columns: the timestamps, the incrementing one (-1 if none), the primary key.
	stamps []int
	number int
	ties   []int
	// warned says that the log has a warning about doubtful columns.
	warned bool
}

// newSource makes a source that goes on after its offset; offsets are those of the connector, by
// the canonical JSON of the partition.
func newSource(set *spec, t pgrepl.Table, name string, offsets map[string][]byte) (*source, error) {
	s := &source{set: set, mode: set.mode, table: t, name: "table " + t.String(), topic: set.prefix + t.Name, number: -1}
	partition := map[string]any{"protocol": "1", "table": t.String()}
	if set.query != "" {
		s.name, partition = "the query", map[string]any{"query": "query"}
	}
	s.offsetKey = connector.OffsetKey(name, partition)
	canonical, err := json.Marshal(partition)
	if err != nil {
		return nil, err
	}
	if raw, ok := offsets[string(canonical)]; ok && len(raw) > 0 {
		if s.offset, err = parseOffset(raw); err != nil {
			return nil, fmt.Errorf("read the offset of %s: %w", s.name, err)
		}
		return s, nil
	}
	if s.mode.increments() && !s.mode.timestamps() {
		s.offset.number, s.offset.hasNum = set.firstNumber, true
	}
	if s.mode.timestamps() && set.firstTime != nil {
		s.offset.stamp, s.offset.hasStamp = *set.firstTime*1000, true
	}
	return s, nil
}

func (s *source) id() string {
	if s.set.query != "" {
		return ""
	}
	return s.table.String()
}

// offsetOf is the offset after a row.
func (s *source) offsetOf(row pgmodel.Tuple) (offset, error) {
	if len(row) != len(s.columns) {
		return offset{}, fmt.Errorf("row of %d columns, want %d", len(row), len(s.columns))
	}
	var o offset
	for _, i := range s.stamps {
		if row[i].Kind != pgmodel.Text {
			continue
		}
		t, err := parseTime(string(row[i].Data))
		if err != nil {
			return o, retry.Permanent("column %s of %s: %w; timestamps to poll by must be times", s.columns[i].name, s.name, err)
		}
		o.stamp, o.hasStamp = t, true
		break
	}
	if s.number >= 0 {
		n, err := strconv.ParseInt(string(row[s.number].Data), 10, 64)
		if err != nil {
			return o, retry.Permanent("column %s of %s: %w; numbers to poll by must be 64-bit integers", s.columns[s.number].name, s.name, err)
		}
		o.number, o.hasNum = n, true
	}
	for _, i := range s.ties {
		o.tie = append(o.tie, string(row[i].Data))
	}
	return o, nil
}

// resumable reports whether a poll that begins after the offset last would return a row whose
// offset is next.
func (s *source) resumable(last, next offset) bool {
	return s.mode != timestamp || len(s.ties) > 0 || last.stamp != next.stamp
}

// record makes the record of a row.
func (s *source) record(row pgmodel.Tuple) (*record.Record, error) {
	v := record.NewStruct(s.schema)
	for i := range s.columns {
		if row[i].Kind != pgmodel.Text {
			continue
		}
		var err error
		if v.Values[i], err = s.columns[i].value(string(row[i].Data)); err != nil {
			return nil, fmt.Errorf("column %s of %s: %w", s.columns[i].name, s.name, err)
		}
	}
	return &record.Record{Topic: s.topic, Partition: -1, Offset: -1, ValueSchema: s.schema, Value: v}, nil
}
