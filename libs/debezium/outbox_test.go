package debezium

import (
	"testing"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
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
