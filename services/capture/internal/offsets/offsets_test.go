package offsets

import (
	"testing"

	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

func TestOnlyOffsetsThatATaskWouldTakeUpCanBeSet(t *testing.T) {
	keys, err := spec.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	v, _, problems := keys.Parse(map[string]string{
		"name": "c", "connector.class": spec.Class, "database.hostname": "h", "database.user": "u", "database.dbname": "d",
		"topic.prefix": "shop",
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, test := range []struct{ partition, offset, field string }{
		{`{"server":"shop"}`, `{"lsn":1}`, ""},
		{`{"server":"shop"}`, `{"lsn_commit":9007199254740993,"lsn":1,"ts_usec":1700000000000000,"txId":7}`, ""},
		{`{"server":"other"}`, `{"lsn":1}`, "partition"},
		{`{"server":"shop","x":1}`, `{"lsn":1}`, "partition"},
		{`{"server":5}`, `{"lsn":1}`, "partition"},
		{`{"serverr":"shop"}`, `{"lsn":1}`, "partition"},
		{`{"server":"shop"}`, `{}`, "offset.lsn"},
		{`{"server":"shop"}`, `{"lsn":"soon"}`, "offset.lsn"},
		{`{"server":"shop"}`, `{"lsn":-1}`, "offset.lsn"},
		{`{"server":"shop"}`, `{"lsn":1.5}`, "offset.lsn"},
		{`{"server":"shop"}`, `{"lsn":1,"snapshot":[1]}`, ""},
		{`{"server":"shop"}`, `{"lsn":1,"txId":"x"}`, "offset.lsn"},
	} {
		field := ""
		if problem := Problem(v, []byte(test.partition), []byte(test.offset)); problem != nil {
			field = problem.Key
		}
		if field != test.field {
			t.Errorf("%s %s: the field at fault is %q, want %q", test.partition, test.offset, field, test.field)
		}
	}
}
