package queued

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/services/localadx/ingest"
)

// Messages as the SDKs send them.
const (
	goMessage   = `{"Id":"g1","BlobPath":"https://HOST/tmpc/a.json.gz?sas","DatabaseName":"db","TableName":"t","RawDataSize":8,"RetainBlobOnSuccess":true,"FlushImmediately":false,"AdditionalProperties":{"authorizationContext":"x","creationTime":"0001-01-01T00:00:00Z","format":"json","ignoreFirstRecord":false,"ingestIfNotExists":"[\"abc\"]","ingestionMappingReference":"m1","ingestionMappingType":"Json","tags":"[\"ingest-by:abc\"]"},"IngestionStatusInTable":{}}`
	javaMessage = `{"id":"j1","blobPath":"https://HOST/tmpc/b.gz?sas","rawDataSize":null,"databaseName":"db","tableName":"t","flushImmediately":"true","reportLevel":"FailuresAndSuccesses","reportMethod":"Table","ingestionStatusInTable":{"TableConnectionString":"https://HOST/statustab?sas","PartitionKey":"p","RowKey":"r"},"additionalProperties":{"format":"multijson","ignoreFirstRecord":"false","ingestionMappingReference":"m"}}`
)

func TestMessagesOfEverySDKAreUnderstood(t *testing.T) {
	r, err := ParseRequest("1", goMessage)
	if err != nil {
		t.Fatal(err)
	}
	if r.SourceID != "g1" || r.RawSize != 8 || r.Flush || r.Format != ingest.JSON || r.MappingName != "m1" ||
		!r.Created.IsZero() ||
		fmt.Sprint(r.Tags, r.IfNotExists) != "[ingest-by:abc] [abc]" || r.Report != (Reporting{Failures: true, Queue: true}) {
		t.Errorf("the Go message is %+v", r)
	}
	r, err = ParseRequest("2", javaMessage)
	if err != nil {
		t.Fatal(err)
	}
	if r.SourceID != "j1" || r.RawSize != 0 || !r.Flush || r.Format != ingest.MultiJSON || r.MappingName != "m" ||
		r.Report != (Reporting{Failures: true, Successes: true, Table: "statustab", PartitionKey: "p", RowKey: "r"}) {
		t.Errorf("the Java message is %+v", r)
	}
	if r, err = ParseRequest("3", `{"BlobPath":"https://h/c/x.csv.gz","DatabaseName":"d","TableName":"t"}`); err != nil ||
		r.Format != ingest.CSV || r.SourceID == "" {
		t.Errorf("a message without properties is %+v, %v", r, err)
	}
	for _, text := range []string{`nope`, `{}`,
		`{"BlobPath":"x","DatabaseName":"d","TableName":"t","AdditionalProperties":{"format":"xml"}}`,
		`{"BlobPath":"x","DatabaseName":"d","TableName":"t","AdditionalProperties":{"tags":"x"}}`} {
		if _, err := ParseRequest("4", text); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}

func request(id int, size int64) Request {
	return Request{MessageID: fmt.Sprint(id), Database: "d", Table: "t", RawSize: size,
		BlobURL: fmt.Sprint("https://h/", id)}
}

func TestTheFirstLimitSealsABatch(t *testing.T) {
	at := time.Unix(0, 0)
	policy := Policy{Time: 30 * time.Second, Items: 3, Size: 100}
	add := func(b *Batcher, r Request, at time.Time) []Batch {
		t.Helper()
		sealed, err := b.Add(r, policy, at)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	b := NewBatcher()
	if add(b, request(1, 1), at) != nil || add(b, request(2, 1), at) != nil {
		t.Error("a batch is sealed before a limit")
	}
	if sealed := add(b, request(3, 1), at); len(sealed) != 1 || sealed[0].Reason != "Count" ||
		len(sealed[0].Requests) != 3 {
		t.Errorf("the third item gives %+v", sealed)
	}
	if sealed := add(b, request(4, 100), at); len(sealed) != 1 || sealed[0].Reason != "Size" {
		t.Errorf("100 bytes give %+v", sealed)
	}
	add(b, request(5, 1), at)
	add(b, request(6, 1), at.Add(20*time.Second))
	if due, ok := b.Next(); !ok || !due.Equal(at.Add(30*time.Second)) {
		t.Errorf("the batch is due at %v", due)
	}
	if sealed := b.Due(at.Add(29 * time.Second)); sealed != nil {
		t.Errorf("before its time there is %+v", sealed)
	}
	if sealed := b.Due(at.Add(30 * time.Second)); len(sealed) != 1 || sealed[0].Reason != "Time" ||
		len(sealed[0].Requests) != 2 {
		t.Errorf("in time there is %+v", sealed)
	}
	other := request(7, 1)
	other.Tags = []string{"x"}
	add(b, request(8, 1), at)
	add(b, other, at)
	if sealed := b.Due(at.Add(time.Minute)); len(sealed) != 2 {
		t.Errorf("different properties share a batch: %+v", sealed)
	}
	for reason, alone := range map[string]Request{
		"SingleBlob_SizeUnknown": request(9, 0), "SingleBlob_FlushImmediately": {Flush: true, RawSize: 1},
	} {
		if sealed := add(b, alone, at); len(sealed) != 1 || sealed[0].Reason != reason {
			t.Errorf("%s: %+v", reason, sealed)
		}
	}
	tagged := request(10, 1)
	tagged.Tags = []string{"ingest-by:x"}
	if sealed := add(b, tagged, at); len(sealed) != 1 || sealed[0].Reason != "SingleBlob_IngestByTag" {
		t.Errorf("an ingest-by tag gives %+v", sealed)
	}
}

// TestEveryRequestLeavesTheBatcherOnce feeds any sequence of requests and times.
func TestEveryRequestLeavesTheBatcherOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBatcher()
		policy := Policy{Time: time.Duration(rapid.IntRange(1, 60).Draw(t, "seconds")) * time.Second,
			Items: rapid.IntRange(1, 5).Draw(t, "items"), Size: rapid.Int64Range(1, 50).Draw(t, "size")}
		at := time.Unix(0, 0)
		left := map[string]int{}
		count := func(batches []Batch) {
			for _, batch := range batches {
				if len(batch.Requests) > policy.Items && batch.Reason == "Count" {
					t.Fatalf("a batch has %d items", len(batch.Requests))
				}
				for _, r := range batch.Requests {
					left[r.MessageID]++
				}
			}
		}
		n := rapid.IntRange(1, 40).Draw(t, "requests")
		for i := range n {
			at = at.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "wait")) * time.Second)
			count(b.Due(at))
			r := request(i, rapid.Int64Range(0, 30).Draw(t, "bytes"))
			r.Table = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "table")
			sealed, err := b.Add(r, policy, at)
			if err != nil {
				t.Fatal(err)
			}
			count(sealed)
		}
		count(b.Due(at.Add(time.Hour)))
		if _, ok := b.Next(); ok || len(left) != n {
			t.Fatalf("%d of %d requests left", len(left), n)
		}
		for id, times := range left {
			if times != 1 {
				t.Fatalf("request %s left %d times", id, times)
			}
		}
	})
}

func TestPoliciesHaveADXsLimits(t *testing.T) {
	p, err := ParsePolicy(json.RawMessage(
		`{"MaximumBatchingTimeSpan":"00:00:30","MaximumNumberOfItems":500,"MaximumRawDataSizeMB":1024}`))
	if err != nil || p != (Policy{Time: 30 * time.Second, Items: 500, Size: 1 << 30}) {
		t.Errorf("%+v, %v", p, err)
	}
	for text, want := range map[string]string{
		`{"MaximumBatchingTimeSpan":"00:00:09"}`: "between 00:00:10",
		`{"MaximumBatchingTimeSpan":"01:00:00"}`: "between 00:00:10",
		`{"MaximumNumberOfItems":25001}`:         "between 1 and 25000",
		`{"MaximumRawDataSizeMB":99}`:            "between 100 and 4096", `[]`: "form",
	} {
		if _, err := ParsePolicy(json.RawMessage(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzRequest checks that no message makes the reader panic.
func FuzzRequest(f *testing.F) {
	f.Add(goMessage)
	f.Add(javaMessage)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRequest("1", text)
		if err != nil {
			return
		}
		if _, err := r.key(); err != nil {
			t.Error(err)
		}
		r.alone()
	})
}
