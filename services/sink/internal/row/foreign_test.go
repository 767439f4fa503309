package row

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// named is a value whose schema has a name and one field.
func named(schema, field, payload string) string {
	return fmt.Sprintf(
		`{"schema":{"type":"struct","name":%q,"fields":[{"type":"string","optional":true,"field":%q}]},"payload":%s}`, schema,
		field, payload)
}

// Kusto takes such records as rows that are null throughout.
func TestARecordThatIsNoneOfATablesMakesNoRowOfNulls(t *testing.T) {
	const (
		message     = `{"op":"m","ts_ms":5,"source":{"lsn":7},"message":{"prefix":"p","content":"YQ=="}}`
		heartbeat   = `{"ts_ms":5}`
		transaction = `{"status":"BEGIN","id":"5:7","event_count":null,"data_collections":null,"ts_ms":5}`
	)
	unwrapped, table := Config{Unwrap: true, Deletes: RewriteDeletes}, orders("orderid:int,city:string")
	for name, c := range map[string]struct {
		with   Config
		target Target
		value  string
		want   Kind
		reason string
	}{
		"a logical message":       {unwrapped, table, message, NoRow, ""},
		"one with its schema":     {unwrapped, table, named("io.debezium.connector.postgresql.MessageValue", "op", message), NoRow, ""},
		"a heartbeat":             {unwrapped, table, heartbeat, NoRow, ""},
		"one without unwrapping":  {Config{}, table, named("io.debezium.connector.common.Heartbeat", "ts_ms", heartbeat), NoRow, ""},
		"a transaction":           {unwrapped, table, transaction, NoRow, ""},
		"one of the wanted field": {unwrapped, orders("ts_ms:long"), heartbeat, Row, ""},
		"any object":              {unwrapped, table, `{"a":1}`, NoRow, "no column takes any of its fields"},
		"one with a schema":       {unwrapped, table, named("x", "a", `{"a":"1"}`), NoRow, "no column takes"},
		"an empty one":            {unwrapped, table, `{}`, NoRow, "no column takes"},
		"another table's change":  {unwrapped, table, `{"before":null,"after":{"a":1},"source":{},"op":"c"}`, NoRow, "no column takes"},
		"as text":                 {Config{Converter: Text, Format: "json"}, table, `{"a":1}`, NoRow, "no column takes"},
		"nulls of the table's":    {unwrapped, table, `{"orderid":null}`, Row, ""},
		"a delete": {unwrapped, mapped("city:string", `[{"column":"city","path":"$.city"}]`),
			`{"before":{"orderid":1},"after":null,"source":{},"op":"d"}`, Row, ""},
		"a delete as it is": {Config{}, mapped("city:string", `[{"column":"city","path":"$.after.city"}]`),
			`{"before":{"orderid":1},"after":null,"source":{},"op":"d"}`, Row, ""},
		"a column of the whole": {unwrapped, mapped("row:dynamic,city:string",
			`[{"column":"row","path":"$"},{"column":"city","path":"$.city"}]`), `{"a":1}`, Row, ""},
		"columns that nobody looks at": {unwrapped, Target{}, `{"a":1}`, Row, ""},
		"nulls that are allowed":       {Config{AllowNull: true}, table, `{"a":1}`, Row, ""},
	} {
		_, kind, err := NewEncoder(c.with, c.target).Append(nil, &kgo.Record{Value: []byte(c.value)})
		if kind != c.want || (err != nil) != (c.reason != "") || err != nil && !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s became %v, %v; want %v, %q", name, kind, err, c.want, c.reason)
		}
	}
}

// A table is not widened for an event about no row, but a topic of such events has its table.
func TestATableIsMadeForEventsAboutNoRowAndNotWidenedForThem(t *testing.T) {
	value := named("io.debezium.connector.postgresql.MessageValue", "message", `{"message":"x"}`)
	for name, c := range map[string]struct {
		target Target
		taken  bool
	}{
		"no table yet":         {Target{}, true},
		"the table of others":  {orders("orderid:int,city:string"), false},
		"its own":              {orders("message:dynamic"), true},
		"one that takes whole": {mapped("row:dynamic", `[{"column":"row","path":"$"}]`), true},
	} {
		e := NewEncoder(Config{Unwrap: true}, c.target)
		record := &kgo.Record{Value: []byte(value)}
		schema, err := e.Schema(record)
		_, kind, failed := e.Append(nil, record)
		if (schema != nil) != c.taken || (err == nil) != c.taken || (kind == Row) != c.taken || failed != nil {
			t.Errorf("%s: schema %v, %v; %v, %v", name, schema, err, kind, failed)
		}
	}
}

func TestWhatIsAddedOfTheSourceIsCheckedByItsColumn(t *testing.T) {
	for _, lenient := range []bool{false, true} {
		e := NewEncoder(Config{Unwrap: true, AllowNull: lenient,
			Extra: []Extra{{"__lsn", OfSource, "lsn"}, {"__ts_ms", OfEnvelope, "ts_ms"}}},
			orders("orderid:int,__lsn:long,__ts_ms:long"))
		for source, column := range map[string]string{`{"lsn":7}`: "", `{"lsn":null}`: "", `{}`: "", `{"lsn":"x"}`: "__lsn",
			`{"lsn":{"a":1}}`: "__lsn", `{"lsn":1.5}`: "__lsn"} {
			nulls := e.Nulls
			_, _, err := e.Append(nil, &kgo.Record{Value: fmt.Appendf(nil,
				`{"before":null,"after":{"orderid":1},"source":%s,"op":"c","ts_ms":5}`, source)})
			refused, _ := errors.AsType[*Refused](err)
			switch {
			case lenient && (err != nil || (e.Nulls > nulls) != (column != "")):
				t.Errorf("%s with nulls allowed: %v, %d nulls", source, err, e.Nulls-nulls)
			case !lenient && (refused == nil) != (column == ""), refused != nil && refused.Column != column:
				t.Errorf("%s: %v, want column %q", source, err, column)
			}
		}
	}
}
