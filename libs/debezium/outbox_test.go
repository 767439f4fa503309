package debezium

import (
	"math"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// EventRouter gives its records a time: that of the column table.field.event.timestamp, else the
// envelope's. Kafka Connect writes them with it.
func TestARecordHasTheTimeThatATransformGaveIt(t *testing.T) {
	rel := &pgmodel.Relation{Schema: "s", Name: "outbox", ReplicaIdentity: 'd', Key: []int{0}, Columns: []pgmodel.Column{
		{Name: "id", Type: baseType("text"), TypeMod: -1, NotNull: true, InIdentity: true},
		{Name: "aggregatetype", Type: baseType("text"), TypeMod: -1, NotNull: true},
		{Name: "aggregateid", Type: baseType("text"), TypeMod: -1, NotNull: true},
		{Name: "payload", Type: baseType("text"), TypeMod: -1},
		{Name: "at", Type: baseType("timestamp"), TypeMod: -1},
	}}
	for column, want := range map[string]int64{"": 1795410999485, "at": 1577872800123} {
		settings := []string{"transforms", "o", "transforms.o.type", "io.debezium.transforms.outbox.EventRouter",
			"transforms.o.route.topic.replacement", "t"}
		if column != "" {
			settings = append(settings, "transforms.o.table.field.event.timestamp", column)
		}
		e, err := NewEncoder(rel, mustConfig(t, plainSettings(settings...)))
		if err != nil {
			t.Fatal(err)
		}
		ev := insertOrder()
		ev.After = textTuple("1", "t", "k", "{}", "2020-01-01 10:00:00.123")
		var b Batch
		if _, err := e.Append(&b, ev); err != nil || len(b.Records) != 1 {
			t.Fatalf("%d records: %v", len(b.Records), err)
		}
		if got := b.Records[0].Timestamp.UnixMilli(); got != want {
			t.Errorf("with the column %q the record is of %d, want %d", column, got, want)
		}
	}
}

// Kafka Connect's producer refuses times before 1970. Of those after 2262 the Kafka client would
// write an arbitrary one.
func TestATimeThatCannotBeWrittenMakesTheEventUnprocessable(t *testing.T) {
	for _, c := range []struct {
		millis int64
		says   string
	}{
		{1, ""}, {9223372036854, ""}, {-1, "before 1970"}, {9223372036855, "2262"}, {math.MinInt64, "before 1970"},
		{math.MaxInt64, "2262"},
	} {
		w := NewWriter(record.StringConverter{}, record.StringConverter{}, nil)
		r := &record.Record{Topic: "t", Partition: -1, Value: "x", Timestamp: c.millis}
		var b Batch
		err := w.Append(&b, r)
		switch {
		case c.says == "" && (err != nil || b.Records[0].Timestamp.UnixNano()/1e6 != c.millis):
			t.Errorf("a record of %d ms: %v, %v", c.millis, b.Records, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || len(b.Records) != 0):
			t.Errorf("a record of %d ms: %v, want an error that says %q", c.millis, err, c.says)
		}
	}
}
