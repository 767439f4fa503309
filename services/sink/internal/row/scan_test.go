package row

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func FuzzTheScannerTakesForAValueWhatIsJSON(f *testing.F) {
	for _, text := range []string{
		`{"a":[1,-2.5e+3,true,false,null,""],"b\"\\":{"c":"\u00e9 d"}}`, `"1234567\"89"`, `"\\"`, `"12345678\\"`, `"\"`, `01`, `-`, `1.`,
		`1e`, `tru`, `nulll`, `[1,]`, `{"a"}`, `{"a":1,}`, `[ { } , [ ] ]`, "\"a\x01\"", "\"\xff\"", `"\x"`, "[1\v]", `truefalse`, `--1`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		text = bytes.Trim(text, " \t\r\n")
		if bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) >= maxDepth {
			return
		}
		if taken := skipValue(text, 0) == len(text) && sound(text); taken != json.Valid(text) {
			t.Errorf("%q: taken %v, is JSON %v", text, taken, json.Valid(text))
		}
	})
}

// The rows of topics without schema: what is in an envelope, and the whole of it.
func BenchmarkARowWithoutSchema(b *testing.B) {
	for name, c := range map[string]struct {
		unwrap  bool
		columns string
	}{
		"unwrapped": {true, "orderid:string,custid:string,city:string,amount:int,purchase_time:datetime"},
		"whole":     {false, "before:dynamic,after:dynamic,source:dynamic,transaction:dynamic,op:string,ts_ms:long"},
	} {
		b.Run(name, func(b *testing.B) {
			e := NewEncoder(Config{Unwrap: c.unwrap}, orders(c.columns))
			r := &kgo.Record{Value: []byte(envelope("null",
				`{"orderid":1000001,"custid":17,"amount":150,"city":"New York","purchase_time":"2026-01-02 03:04:05"}`, "c"))}
			buf := make([]byte, 0, 1024)
			for b.Loop() {
				buf, _, _ = e.Append(buf[:0], r)
			}
		})
	}
}
