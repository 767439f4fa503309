package connector_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/libs/connector"
)

func TestAnOffsetKeyIsThatOfKafkaConnect(t *testing.T) {
	key := connector.OffsetKey("pg-orders-source", map[string]any{"server": "my<server>", "database": "shop"})
	if want := `["pg-orders-source",{"database":"shop","server":"my<server>"}]`; string(key) != want {
		t.Errorf("%s, want %s", key, want)
	}
	name, partition, err := connector.ParseOffsetKey([]byte(`["a", {"b":  9007199254740993, "a":1}]`))
	if err != nil || name != "a" || string(partition) != `{"a":1,"b":9007199254740993}` {
		t.Errorf("%s %s %v", name, partition, err)
	}
	for _, wrong := range []string{``, `{}`, `["a"]`, `["a",{},1]`, `[1,{}]`, `["a",null]`, `["a",[]]`, "\xff"} {
		if _, _, err := connector.ParseOffsetKey([]byte(wrong)); err == nil {
			t.Errorf("%q accepted", wrong)
		}
	}
}

func TestLargeNumbersKeepTheirDigitsThroughAMessage(t *testing.T) {
	for _, offset := range []string{
		`{"lsn":24023128,"lsn_commit":9007199254740993,"transaction_id":null,"txId":555,"ts_usec":1791000000000000,"snapshot":true}`,
		`{"a":-9223372036854775808,"b":[9223372036854775807,{"c":"9","d":0.5}],"e":"text","f":9007199254740992}`,
		`{"system_id":"7452839475834758345","n":7452839475834758345,"u":18446744073709551615,"big":123456789012345678901234567890,"real":0.1}`,
	} {
		message, err := connector.OffsetStruct([]byte(offset))
		if err != nil {
			t.Fatal(err)
		}
		back, err := connector.OffsetJSON(message)
		if err != nil || !sameJSON(string(back), offset) {
			t.Errorf("%s became %s, %v", offset, back, err)
		}
	}
}

func TestAnyObjectOfIntegersAndTextSurvivesAMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.MapOf(rapid.StringMatching(`[a-z_]{1,8}`),
			rapid.OneOf(rapid.Int64().AsAny(), rapid.StringMatching(`[a-z ]*`).AsAny(),
				rapid.StringMatching(`-?[0-9]{1,25}`).AsAny(), rapid.Uint64().AsAny(), rapid.Bool().AsAny())).Draw(t, "object")
		encoded, _ := json.Marshal(object)
		message, err := connector.OffsetStruct(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := connector.OffsetJSON(message); err != nil || string(back) != string(encoded) {
			t.Fatalf("%s became %s, %v", encoded, back, err)
		}
	})
}

func sameJSON(a, b string) bool {
	canonical := func(text string) string {
		_, partition, err := connector.ParseOffsetKey([]byte(`["x",` + text + `]`))
		if err != nil {
			return err.Error()
		}
		return string(partition)
	}
	return canonical(a) == canonical(b)
}

func FuzzOffsetKeysAreReadWithoutPanic(f *testing.F) {
	f.Add([]byte(`["a",{"b":1}]`))
	f.Add([]byte(`["a",{"b":1e400}]`))
	f.Fuzz(func(t *testing.T, key []byte) {
		_, partition, err := connector.ParseOffsetKey(key)
		if err != nil {
			return
		}
		message, err := connector.OffsetStruct(partition)
		if err != nil {
			return
		}
		if _, err := connector.OffsetJSON(message); err != nil {
			t.Fatalf("%s: %v", partition, err)
		}
	})
}
