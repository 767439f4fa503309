package calypso

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// summarize prints the addresses of this start, and three things to try with them.
func summarize(out io.Writer, s *Settings, src *source, t *target) {
	admin := fmt.Sprintf("http://localhost:%d", s.SourcePort)
	fmt.Fprintf(out, "\nCalypso runs. Ctrl-C stops it; starting it again goes on where it stopped.\n\n")
	row := func(what, where string) { fmt.Fprintf(out, "  %-24s %s\n", what, where) }
	row("PostgreSQL", fmt.Sprintf("%s:%d, database %s, user %s", src.Host, src.Port, src.Database, src.User))
	row("Kafka", cmp.Or(strings.Join(s.Brokers, ","), local(s.KafkaPort)))
	if s.ADXURL == "" {
		row("Azure Data Explorer", t.URL+"  (local; open it in a browser)")
	} else {
		row("Azure Data Explorer", t.URL)
	}
	row("Connectors, source side", admin+"/connectors  (web page: "+admin+")")
	row("Connectors, sink side", fmt.Sprintf("http://localhost:%d/connectors", s.SinkPort))
	row("gRPC", fmt.Sprintf("admin %s, capture %s, sink %s", local(s.AdminPort), local(s.CapturePort),
		local(s.SinkGRPCPort)))
	row("Data and logs", s.Data)
	if src.dir != "" && !strings.HasPrefix(src.dir, absolute(s.Data)) {
		row("PostgreSQL's data", src.dir)
	}
	if s.NoOrders {
		fmt.Fprintln(out, "\nThe orders use case is left out (--no-orders).")
		return
	}
	fmt.Fprintf(out, "\nThree things to try:\n\n")
	try := func(what string, commands ...string) {
		fmt.Fprintf(out, "  # %s\n  %s\n\n", what, strings.Join(commands, "\n  "))
	}
	try("1000 orders a second instead of one in three seconds",
		fmt.Sprintf(`curl -H 'Content-Type: application/json' -d '{"rate": 1000}' %s/v1/orders:rate`, admin))
	if s.ADXURL == "" {
		try("what Azure Data Explorer has, once the first batch is there (flush.interval.ms of the sink)",
			fmt.Sprintf(
				`curl -H 'Content-Type: application/json' -d '{"db": "%s", "csl": "Orders | summarize orders = count(), average = avg(amount) by city"}' %s/v1/rest/query`, t.Database, t.URL))
	} else {
		try("what Azure Data Explorer has; ask it", "Orders | summarize orders = count(), average = avg(amount) by city")
	}
	try("the pipeline with its verdict, lag and progress", fmt.Sprintf("curl %s/v1/pipelines", admin))
	if src.server != nil {
		fmt.Fprintf(out, "PostgreSQL itself: psql -h localhost -p %d -U %s\n", src.Port, src.User)
	}
}

// absolute returns path as an absolute path; path itself if there is no working directory.
func absolute(path string) string {
	a, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return a
}
