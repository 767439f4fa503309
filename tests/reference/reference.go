package main

import (
	"fmt"
	"io"
	"os"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/services/capture"
	"github.com/calypso-cdc/calypso/services/sink"
)

const introduction = `# Configuration of the connectors

Every key of the source connector (PostgreSQL → Kafka), of the sink connector (Kafka → Azure Data Explorer), and of the source connector that
polls tables of databases without logical replication. Values are strings, as in Kafka
Connect; durations are in milliseconds where the name ends in .ms, sizes in bytes. A name that ends in * stands for all keys with that beginning.

This page is generated from the catalogue that also validates configurations: ` + "`make docs`" + `.
`

func main() {
	page := write
	if len(os.Args) > 1 && os.Args[1] == "metrics" {
		page = writeMetrics
	}
	if err := page(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// write writes the whole page.
func write(w io.Writer) error {
	sources, err := capture.Plugins(capture.Options{})
	if err != nil {
		return err
	}
	target, err := sink.Plugin(sink.Options{})
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, introduction); err != nil {
		return err
	}
	for _, part := range []struct {
		title  string
		plugin connector.Plugin
	}{{"Source connector", sources[0]}, {"Sink connector", target}, {"Polling source connector", sources[1]}} {
		if _, err := fmt.Fprintf(w, "\n## %s\n\n`connector.class`: `%s`\n", part.title, part.plugin.Class); err != nil {
			return err
		}
		if err := part.plugin.Catalogue.WriteReference(w); err != nil {
			return fmt.Errorf("write the keys of %s: %w", part.plugin.Class, err)
		}
	}
	return nil
}
