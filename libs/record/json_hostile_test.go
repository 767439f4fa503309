package record

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func enveloped(schema, payload string) string {
	return `{"schema":` + schema + `,"payload":` + payload + `}`
}

func TestAHostileJSONRecordIsAnErrorAndTakesNoMoreMemoryThanItsBytes(t *testing.T) {
	decimal := func(scale string) string {
		return `{"type":"bytes","name":"` + DecimalName + `","parameters":{"scale":"` + scale + `"}}`
	}
	const million = 1_000_000
	for name, c := range map[string]struct{ record, says string }{
		"arrays within arrays": {enveloped("null",
			strings.Repeat("[", million)+strings.Repeat("]", million)), "deeper"},
		"objects within objects": {enveloped("null",
			strings.Repeat(`{"a":`, million)+"1"+strings.Repeat("}", million)), "deeper"},
		"schemas within schemas": {enveloped(strings.Repeat(`{"type":"array","items":`,
			million)+`{"type":"int8"}`+strings.Repeat("}", million), "[]"), "deeper"},
		"a decimal of a million digits": {enveloped(decimal("0"), strings.Repeat("9", million)),
			"1000000 characters"},
		"a decimal with a great exponent":          {enveloped(decimal("0"), "1e999999999"), "exponent"},
		"a decimal with a great negative exponent": {enveloped(decimal("0"), "1e-999999999"), "exponent"},
		"a decimal of scale 2^31":                  {enveloped(decimal("2147483648"), `"AQ=="`), "scale"},
		"a decimal of scale -2^31":                 {enveloped(decimal("-2147483648"), `"AQ=="`), "scale"},
		"a decimal whose scale is no number":       {enveloped(decimal("many"), `"AQ=="`), "many"},
		"a decimal of a million bytes": {enveloped(decimal("0"), `"`+strings.Repeat("QUFB", million/3)+`"`),
			"bytes"},
		"a number too large for its type": {enveloped(`{"type":"int64"}`, strings.Repeat("9", million)), "range"},
		"a double too large":              {enveloped(`{"type":"double"}`, "1e999999999"), "range"},
		"a version too large":             {enveloped(`{"type":"int8","version":1e999999999}`, "1"), "1e999999999"},
		"an array without items":          {enveloped(`{"type":"array"}`, "[1]"), "without items"},
		"a map without keys": {enveloped(`{"type":"map","values":{"type":"int8"}}`, "{}"),
			"without keys"},
		"a type that there is not":   {enveloped(`{"type":"record"}`, "{}"), "record"},
		"a schema that is no object": {enveloped(`[]`, "{}"), "not an object"},
		"a default that does not fit": {enveloped(`{"type":"int8","optional":true,"default":[]}`, "null"),
			"does not fit"},
		"a payload that does not fit": {enveloped(`{"type":"struct","fields":[]}`, "[]"), "does not fit"},
		"a byte order mark":           {"\ufeff" + enveloped("null", "1"), "schemas.enable"},
		"a NUL":                       {"\x00", "schemas.enable"},
		"a NUL in a string":           {enveloped("null", "\"\x00\""), "control character"},
		"a surrogate cut off":         {enveloped("null", `"\ud8"`), "escape"},
	} {
		t.Run(name, func(t *testing.T) {
			data := []byte(c.record)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, value, err := (&JSON{Schemas: true}).Decode("topic", data)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("it was read as %.100v, or fails without %q: %.300v", value, c.says, err)
			}
			if len(err.Error()) > 2*million {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
				t.Errorf("it took %d bytes to find: %.300v", took, err)
			}
		})
	}
}

// As in Kafka Connect, whose parser keeps the place of the first and the value of the last.
func TestAMemberThatComesTwiceHasTheLastValue(t *testing.T) {
	for _, n := range []int{0, 100} {
		var before string
		for i := range n {
			before += fmt.Sprintf(`"m%d":%d,`, i, i)
		}
		_, value, err := (&JSON{}).Decode("topic", []byte(`{`+before+`"a":1,"b":2,"a":3}`))
		m, _ := value.(Map)
		if err != nil || len(m) != n+2 || m[n] != (Entry{"a", int64(3)}) || m[n+1] != (Entry{"b", int64(2)}) {
			t.Errorf("after %d others: %v, %v", n, value, err)
		}
	}
}

func TestAStructWithManyFieldsIsReadInAnyOrder(t *testing.T) {
	const fields = 100_000
	var schema, payload []string
	for i := range fields {
		schema = append(schema, fmt.Sprintf(`{"type":"int32","field":"f%d"}`, i))
		payload = append(payload, fmt.Sprintf(`"f%d":%d`, fields-1-i, fields-1-i))
	}
	_, value, err := (&JSON{Schemas: true}).Decode("topic",
		[]byte(enveloped(`{"type":"struct","fields":[`+strings.Join(schema, ",")+`]}`, `{`+strings.Join(payload, ",")+`}`)))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range value.(*StructValue).Values {
		if v != int32(i) {
			t.Fatalf("field %d is %v", i, v)
		}
	}
}

func TestSchemasAreRememberedWithinBounds(t *testing.T) {
	var r cache[int, int]
	for i := range 5 * maxSchemas {
		r.put(i, i, 1<<uint(i%22))
		if got, ok := r.get(i); !ok || got != i {
			t.Fatalf("schema %d is %d, %v", i, got, ok)
		}
		if len(r.all) > maxSchemas || r.bytes > maxSchemaBytes {
			t.Fatalf("%d schemas of %d bytes", len(r.all), r.bytes)
		}
	}
}
