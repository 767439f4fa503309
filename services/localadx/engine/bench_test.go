package engine_test

import (
	"context"
	"os"
	"strconv"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// BenchmarkQueries runs everyday queries over KQL_BENCH_ROWS rows of an orders table (default one million).
func BenchmarkQueries(b *testing.B) {
	rows := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("KQL_BENCH_ROWS")); err == nil {
		rows = n
	}
	h := newHarness(b)
	ctx := context.Background()
	_, err := h.db.ExecContext(ctx,
		`CREATE TABLE "Orders" AS SELECT CAST(i AS VARCHAR) AS orderid, CAST(hash(i) % 1000 AS VARCHAR) AS custid,
		['New Delhi', 'Seattle', 'New York', 'Austin', 'Chicago', 'Cleveland'][1 + CAST(hash(i * 7) % 6 AS BIGINT)] AS city, CAST(100 + hash(i * 13) % 100 AS INTEGER) AS amount,
		CAST(637000000000000000 + i * 1000000 AS BIGINT) AS purchase_time FROM range(`+strconv.Itoa(rows)+`) t(i)`)
	if err != nil {
		b.Fatal(err)
	}
	h.catalog.tables["Orders"] = kql.Table{Name: "Orders", Physical: `"Orders"`,
		Columns: []kql.Column{{Name: "orderid", Type: value.String},
			{Name: "custid", Type: value.String}, {Name: "city", Type: value.String}, {Name: "amount", Type: value.Int},
			{Name: "purchase_time", Type: value.Datetime}}}
	for _, q := range []struct{ name, query string }{
		{"summarize_avg_by_city", "Orders | summarize avg(amount) by city"},
		{"summarize_sum_sort", "Orders | summarize total = sum(amount) by city | sort by total"},
		{"event_count_by_10m",
			"Orders | extend hour = floor(purchase_time % 1d, 10m) | summarize event_count=count() by hour | sort by hour asc"},
		{"event_count_by_10m_and_city",
			"Orders | extend hour = floor(purchase_time % 1d, 10m) | where city in ('New Delhi','Seattle','New York') | summarize event_count=count() by hour, city"},
		{"arg_max_by_thousand_keys", "Orders | summarize arg_max(purchase_time, *) by custid"},
		{"filter_count", "Orders | where city == 'New York' and amount > 150 | count"},
		{"has_count", "Orders | where city has 'york' | count"},
		{"top_10", "Orders | top 10 by amount desc"},
		{"dcount", "Orders | summarize dcount(custid)"},
		{"bin_1d", "Orders | summarize count() by bin(purchase_time, 1d), city"},
		{"join_dimension_default_kind",
			"Orders | join (datatable(city:string, region:string)['Austin', 'S', 'Seattle', 'W']) on city | summarize count() by region"},
		{"lookup_dimension",
			"Orders | lookup (datatable(city:string, region:string)['Austin', 'S', 'Seattle', 'W']) on city | summarize count() by region"},
		{"make_series", "Orders | make-series n = count() on purchase_time step 1d by city"},
		{"tostring_datetime", "Orders | where tostring(purchase_time) startswith '2019-08' | count"},
	} {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := h.query(q.query); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
