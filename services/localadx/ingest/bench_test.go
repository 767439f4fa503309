package ingest_test

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/ingest"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

func ordersColumns() []kql.Column {
	return []kql.Column{{Name: "orderid", Type: value.String}, {Name: "custid", Type: value.String},
		{Name: "city", Type: value.String},
		{Name: "amount", Type: value.Int}, {Name: "purchase_time", Type: value.Datetime}}
}

// BenchmarkJSONLinesOfOrders measures scanning alone: rows are dropped.
func BenchmarkJSONLinesOfOrders(b *testing.B) {
	const rows = 100_000
	var text bytes.Buffer
	for i := range rows {
		fmt.Fprintf(&text, `{"orderid":%d,"custid":%d,"city":"New York","amount":%d,"purchase_time":"2020-10-09 07:10:%02d"}`+
			"\n", i, i%1000, 100+i%100, i%60)
	}
	plan, err := ingest.NewPlan(ordersColumns(), ingest.JSON, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := plan.Read(bytes.NewReader(text.Bytes()), ingest.Source{},
			func([]driver.Value) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
