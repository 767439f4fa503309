package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestOnlyWhatIsCommittedIsSeenOfATopicThatIsReadUncommitted(t *testing.T) {
	transactional := kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Transactional: true})
	marker := kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Transactional: true, Control: true})
	plain := kgo.NewRecordAttrs(kgo.RecordAttrsOpts{})
	const abort, commit = "\x00\x00\x00\x00", "\x00\x00\x00\x01"
	const key, other = `["a",{"server":"x"}]`, `["b",{"server":"x"}]`
	for name, c := range map[string]struct {
		records []kgo.Record
		want    string // of connector a
		open    int
	}{
		"a record without a transaction": {[]kgo.Record{{Attrs: plain, Key: []byte(key), Value: []byte("1")}}, "1", 0},
		"a transaction that is open": {[]kgo.Record{{Attrs: plain, Key: []byte(key), Value: []byte("1")},
			{Attrs: transactional, ProducerID: 7, Key: []byte(key), Value: []byte("2")}}, "1", 1},
		"one that was committed": {[]kgo.Record{{Attrs: transactional, ProducerID: 7, Key: []byte(key), Value: []byte("2")},
			{Attrs: marker, ProducerID: 7, Key: []byte(commit)}}, "2", 0},
		"one that was rolled back": {[]kgo.Record{{Attrs: plain, Key: []byte(key), Value: []byte("1")},
			{Attrs: transactional, ProducerID: 7, Key: []byte(key), Value: []byte("2")},
			{Attrs: marker, ProducerID: 7, Key: []byte(abort)}}, "1", 0},
		"the marker of another producer": {[]kgo.Record{{Attrs: transactional, ProducerID: 7, Key: []byte(key),
			Value: []byte("2")},
			{Attrs: marker, ProducerID: 8, Key: []byte(commit)}}, "", 1},
		"the marker of the producer in another partition": {[]kgo.Record{{Attrs: transactional, ProducerID: 7,
			Key: []byte(key), Value: []byte("2")},
			{Attrs: marker, ProducerID: 7, Partition: 1, Key: []byte(commit)}}, "", 1},
		"a marker that says nothing": {[]kgo.Record{{Attrs: transactional, ProducerID: 7, Key: []byte(key),
			Value: []byte("2")},
			{Attrs: marker, ProducerID: 7, Key: []byte{0}}}, "", 1},
		"the successor's after the rolled back one": {[]kgo.Record{{Attrs: transactional, ProducerID: 7, Key: []byte(key),
			Value: []byte("2")}, {Attrs: marker, ProducerID: 7, Key: []byte(abort)},
			{Attrs: transactional, ProducerID: 7, Key: []byte(key), Value: []byte("3")},
			{Attrs: marker, ProducerID: 7, Key: []byte(commit)}}, "3", 0},
		"an offset that was removed": {[]kgo.Record{{Attrs: plain, Key: []byte(key), Value: []byte("1")},
			{Attrs: plain, Key: []byte(key)}}, "removed", 0},
		"another connector's": {[]kgo.Record{{Attrs: plain, Key: []byte(other), Value: []byte("1")}}, "", 0},
		"no key of this form": {[]kgo.Record{{Attrs: plain, Key: []byte("a"), Value: []byte("1")},
			{Attrs: plain, Key: []byte("[1]"), Value: []byte("1")}, {Attrs: plain}}, "", 0},
	} {
		v := topicView{from: map[int32]int64{}, owners: map[string]map[string]*kept{}, open: map[producing]*transaction{}}
		for i := range c.records {
			r := c.records[i]
			r.Offset, r.Timestamp = int64(i), time.UnixMilli(int64(i))
			v.take(&r)
		}
		var got []string
		for _, record := range slices.Collect(maps.Values(v.owners["a"])) {
			if record.value == nil {
				got = append(got, "removed")
				continue
			}
			got = append(got, string(record.value))
		}
		if fmt.Sprint(strings.Join(got, " ")) != c.want || len(v.open) != c.open {
			t.Errorf("%s: %q with %d open transactions, want %q with %d", name, got, len(v.open), c.want, c.open)
		}
		if from := v.from[0]; from != int64(len(c.records)) && name != "the marker of the producer in another partition" {
			t.Errorf("%s: it is read on from offset %d", name, from)
		}
	}
}

func TestTheOwnerOfAKeyIsTheConnectorThatItBeginsWith(t *testing.T) {
	for key, want := range map[string]string{
		`["a",{"server":"x"}]`: "a", `["a"]`: "a", `[ "a" , 1]`: "a", `["a\"b",{}]`: `a"b`, `["ä",{}]`: "ä", `[]`: "",
		`[1]`: "", `a`: "", ``: "", `["a`: "",
	} {
		if got := ownerOf([]byte(key)); got != want {
			t.Errorf("%s is of %q, want %q", key, got, want)
		}
	}
}
