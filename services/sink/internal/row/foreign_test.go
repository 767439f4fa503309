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

// changeOf is a change event whose schema says that rows have one field.
func changeOf(field, payload string) string {
	return fmt.Sprintf(
		`{"schema":{"type":"struct","name":"s.t.Envelope","fields":[`+
			`{"type":"struct","field":"after","fields":[{"type":"string","optional":true,"field":%q}]}]},"payload":%s}`,
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
	changes := Config{Unwrap: true, Deletes: RewriteDeletes, Truncates: true, Changes: true}
	const ofNothing = `"after":null,"source":{},"op":`
	images := mapped("city:string,op:string,lsn:long",
		`[{"column":"city","path":"$.after.city"},{"column":"op","path":"$.op"},{"column":"lsn","path":"$.source.lsn"}]`)
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
		"another table's change in images": {Config{}, images, `{"before":null,"after":{"a":1},"source":{},"op":"c"}`, NoRow,
			"no column takes any of its fields"},
		"one with a schema around it, as text": {Config{Converter: Text, Format: "json"},
			mapped("city:string,op:string",
				`[{"column":"city","path":"$.payload.after.city"},{"column":"op","path":"$.payload.op"}]`),
			`{"schema":{},"payload":{"before":null,"after":{"a":1},"source":{},"op":"c"}}`, NoRow, "no column takes"},
		"the table's in images": {Config{}, images, `{"before":null,"after":{"city":null},"source":{},"op":"c"}`, Row, ""},
		"a delete in images":    {Config{}, images, `{"before":{"city":"x"},"after":null,"source":{},"op":"d"}`, Row, ""},
		"fields within another": {Config{}, mapped("city:string", `[{"column":"city","path":"$.address.city"}]`),
			`{"address":{}}`, NoRow, "no column takes"},
		"another table's delete, by its schema": {unwrapped, table, changeOf("a", `{"before":{"a":"1"},`+ofNothing+`"d"}`),
			NoRow, "no column takes"},
		"a delete of no row":            {unwrapped, table, `{"before":null,"after":null,"source":{},"op":"d"}`, NoRow, "does not say which"},
		"a delete of nothing":           {unwrapped, table, `{"before":{ },"after":null,"source":{},"op":"d"}`, NoRow, "does not say which"},
		"a space in a table of changes": {changes, table, " ", NoRow, "no change event"},
		"a list there":                  {changes, table, `[{"orderid":1}]`, NoRow, "no change event"},
		"a text there":                  {changes, table, `{"schema":{"type":"string"},"payload":"x"}`, NoRow, "no change event"},
		"one that is dropped":           {Config{Unwrap: true}, table, `{"before":null,"after":null,"source":{},"op":"d"}`, DroppedDelete, ""},
		"a row in a table of changes":   {changes, table, `{"orderid":1,"city":"x"}`, NoRow, "no change event"},
		"one with its schema there":     {changes, table, named("shop.orders.Value", "city", `{"city":"x"}`), NoRow, "no change event"},
		"a message there":               {changes, table, message, NoRow, ""},
		"another table's truncate there, by its schema": {changes, table, changeOf("a", `{"before":null,`+ofNothing+`"t"}`),
			NoRow, "no column takes"},
		"the table's truncate there":   {changes, table, changeOf("city", `{"before":null,`+ofNothing+`"t"}`), Row, ""},
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
