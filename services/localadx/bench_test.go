package localadx_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkQueuedJSONOfOrders measures rows from an uploaded, gzipped blob of a million orders to their commit.
func BenchmarkQueuedJSONOfOrders(b *testing.B) {
	const rows = 1_000_000
	r := start(b, b.TempDir())
	r.createOrders()
	var blob bytes.Buffer
	compressor := gzip.NewWriter(&blob)
	if _, err := compressor.Write([]byte(orders(0, rows))); err != nil {
		b.Fatal(err)
	}
	if err := compressor.Close(); err != nil {
		b.Fatal(err)
	}
	total := 0
	for b.Loop() {
		b.StopTimer()
		url := r.upload("orders.json.gz", blob.Bytes())
		b.StartTimer()
		r.enqueue(url, map[string]any{"format": "json", "ingestionMappingReference": "OrdersEventMapping"})
		total += rows
		r.eventually("the rows arrive", func() bool { return r.rows("Orders") == total })
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// upload puts a blob into the ingestion container and returns its URL.
func (r *running) upload(name string, content []byte) string {
	r.t.Helper()
	container := r.resource("TempStorage")
	path, query, _ := strings.Cut(container, "?")
	url := path + "/" + name + "?" + query
	request, err := http.NewRequest(http.MethodPut, url, bytes.NewReader(content))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("x-ms-blob-type", "BlockBlob")
	r.do(request, http.StatusCreated)
	return url
}

// BenchmarkStreamingFiveHundredOrders measures one streaming request after the other.
func BenchmarkStreamingFiveHundredOrders(b *testing.B) {
	r := start(b, b.TempDir())
	r.createOrders()
	r.command(".alter table Orders policy streamingingestion enable")
	text := orders(0, 500)
	for b.Loop() {
		if status, answer := r.post("/v1/rest/ingest/shop/Orders?streamFormat=json&mappingName=OrdersEventMapping",
			text); status != http.StatusOK {
			b.Fatal(status, answer)
		}
	}
	b.ReportMetric(500*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkQueueMessages measures how fast requests to ingest are accepted.
func BenchmarkQueueMessages(b *testing.B) {
	r := start(b, b.TempDir())
	r.createOrders()
	url := r.upload("orders.json", []byte(orders(0, 1)))
	for b.Loop() {
		r.enqueue(url, map[string]any{"format": "json"})
	}
}
