package localadx_test

import (
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-kusto-go/azkustodata"
	"github.com/Azure/azure-kusto-go/azkustodata/kql"
	"github.com/Azure/azure-kusto-go/azkustoingest"
)

// endpoints are the two ways a Go client can reach the server.
func endpoints(r *running) map[string]string {
	return map[string]string{"http": r.http, "https": r.https}
}

func (r *running) connection(url string) *azkustodata.ConnectionStringBuilder {
	return azkustodata.NewConnectionStringBuilder(url)
}

// ingestOptions are what a Go client needs to ingest into a local server.
func (r *running) ingestOptions() []azkustoingest.Option {
	return []azkustoingest.Option{
		azkustoingest.WithDefaultDatabase("shop"), azkustoingest.WithDefaultTable("Orders"),
		azkustoingest.WithHttpClient(r.client), azkustoingest.WithoutEndpointCorrection(),
	}
}

func TestTheGoSDKCreatesATableAndItsMapping(t *testing.T) {
	r := start(t, t.TempDir())
	for name, url := range endpoints(r) {
		client, err := azkustodata.New(r.connection(url), azkustodata.WithHttpClient(r.client))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if _, err := client.Mgmt(t.Context(), "shop",
			kql.New(".create table ").AddTable("T"+name).AddLiteral(" (a: string, b: long)")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		dataset, err := client.Mgmt(t.Context(), "shop", kql.New(".show tables"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		found := false
		for _, row := range dataset.Tables()[0].Rows() {
			cell, err := row.StringByName("TableName")
			if err != nil {
				t.Fatal(err)
			}
			found = found || cell == "T"+name
		}
		if !found {
			t.Errorf("%s: the table is not listed", name)
		}
	}
}

func TestTheGoSDKIngestsByQueueAndSeesTheStatusInTheTable(t *testing.T) {
	r := start(t, t.TempDir())
	r.createOrders()
	total := 0
	for name, url := range endpoints(r) {
		ingestor, err := azkustoingest.New(r.connection(url), r.ingestOptions()...)
		if err != nil {
			t.Fatal(err)
		}
		defer ingestor.Close()
		result, err := ingestor.FromReader(t.Context(), strings.NewReader(orders(0, 100)),
			azkustoingest.FileFormat(azkustoingest.JSON),
			azkustoingest.IngestionMappingRef("OrdersEventMapping", azkustoingest.JSON), azkustoingest.ReportResultToTable())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := <-result.Wait(t.Context(), azkustoingest.WithImmediateFirst(),
			azkustoingest.WithInterval(50*time.Millisecond)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		total += 100
		if got := r.rows("Orders"); got != total {
			t.Errorf("%s: the table has %d rows, want %d", name, got, total)
		}
	}
}

func TestTheGoSDKSeesWhyAQueuedIngestionFailed(t *testing.T) {
	r := start(t, t.TempDir())
	r.createOrders()
	ingestor, err := azkustoingest.New(r.connection(r.http), r.ingestOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	defer ingestor.Close()
	result, err := ingestor.FromReader(t.Context(), strings.NewReader(`{"orderid":1}{broken`),
		azkustoingest.FileFormat(azkustoingest.MultiJSON), azkustoingest.ReportResultToTable())
	if err != nil {
		t.Fatal(err)
	}
	err = <-result.Wait(t.Context(), azkustoingest.WithImmediateFirst(), azkustoingest.WithInterval(50*time.Millisecond))
	if err == nil || !strings.Contains(err.Error(), "BadRequest_InvalidBlob") {
		t.Errorf("the status is %v, want BadRequest_InvalidBlob", err)
	}
	if rows := r.rows("Orders"); rows != 0 {
		t.Errorf("the table has %d rows of a source that failed", rows)
	}
	failures := r.command(".show ingestion failures")
	if len(failures) != 1 || failures[0][10] != "BadRequest_InvalidBlob" {
		t.Errorf("the failures are %v", failures)
	}
}

func TestTheGoSDKStreamsAndManagesStreaming(t *testing.T) {
	r := start(t, t.TempDir())
	r.createOrders()
	r.command(".alter table Orders policy streamingingestion enable")
	streaming, err := azkustoingest.NewStreaming(r.connection(r.http), r.ingestOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	defer streaming.Close()
	if _, err := streaming.FromReader(t.Context(), strings.NewReader(orders(0, 10)),
		azkustoingest.FileFormat(azkustoingest.MultiJSON),
		azkustoingest.IngestionMappingRef("OrdersEventMapping", azkustoingest.JSON)); err != nil {
		t.Fatal(err)
	}
	if got := r.rows("Orders"); got != 10 {
		t.Errorf("after streaming the table has %d rows, want 10", got)
	}
	managed, err := azkustoingest.NewManaged(r.connection(r.https), r.ingestOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	defer managed.Close()
	if _, err := managed.FromReader(t.Context(), strings.NewReader(orders(10, 10)),
		azkustoingest.FileFormat(azkustoingest.JSON),
		azkustoingest.IngestionMappingRef("OrdersEventMapping", azkustoingest.JSON)); err != nil {
		t.Fatal(err)
	}
	if got := r.rows("Orders"); got != 20 {
		t.Errorf("after managed streaming the table has %d rows, want 20", got)
	}
}

func TestManagedStreamingFallsBackToTheQueueWithoutThePolicy(t *testing.T) {
	r := start(t, t.TempDir())
	r.createOrders()
	managed, err := azkustoingest.NewManaged(r.connection(r.http), r.ingestOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	defer managed.Close()
	mapping := azkustoingest.IngestionMappingRef("OrdersEventMapping", azkustoingest.JSON)
	if _, err := managed.FromReader(t.Context(), strings.NewReader(orders(0, 10)),
		azkustoingest.FileFormat(azkustoingest.JSON), mapping, azkustoingest.DontCompress()); err != nil {
		t.Fatal(err)
	}
	r.eventually("the rows arrive by the queue", func() bool { return r.rows("Orders") == 10 })

	// The SDK names what it compressed for streaming as if it were plain when it falls back; ADX cannot read that either.
	if _, err := managed.FromReader(t.Context(), strings.NewReader(orders(0, 10)),
		azkustoingest.FileFormat(azkustoingest.JSON), mapping); err != nil {
		t.Fatal(err)
	}
	r.eventually("the failure says why", func() bool {
		failures := r.command(".show ingestion failures")
		return len(failures) == 1 && strings.Contains(failures[0][5].(string), "ending in .gz")
	})
}

func TestIngestionByTagHappensOnce(t *testing.T) {
	r := start(t, t.TempDir())
	r.createOrders()
	ingestor, err := azkustoingest.New(r.connection(r.http), r.ingestOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	defer ingestor.Close()
	for i, want := range []string{"", "Skipped"} {
		result, err := ingestor.FromReader(t.Context(), strings.NewReader(orders(0, 10)),
			azkustoingest.FileFormat(azkustoingest.JSON),
			azkustoingest.IngestionMappingRef("OrdersEventMapping", azkustoingest.JSON), azkustoingest.ReportResultToTable(),
			azkustoingest.Tags([]string{"ingest-by:myserver.retail.orders_info/0/0-9"}),
			azkustoingest.IfNotExists(`["myserver.retail.orders_info/0/0-9"]`))
		if err != nil {
			t.Fatal(err)
		}
		err = <-result.Wait(t.Context(), azkustoingest.WithImmediateFirst(), azkustoingest.WithInterval(50*time.Millisecond))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("try %d ended with %v, want %q", i+1, err, want)
		}
	}
	if got := r.rows("Orders"); got != 10 {
		t.Errorf("the table has %d rows, want 10", got)
	}
}
