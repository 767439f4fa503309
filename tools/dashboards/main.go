// Command dashboards writes Calypso's dashboards for Grafana (`make dashboards`): JSON of Grafana's
// own schema, by its Foundation SDK, from the declarations in this directory.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	directory := flag.String("out", "../deploy/observability/dashboards", "the directory for the files")
	page := flag.String("page", defaultPage, "the address of admin's page, to which dashboards link")
	flag.Parse()
	if err := write(*directory, *page); err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
}

func write(directory, page string) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return fmt.Errorf("make the directory for dashboards: %w", err)
	}
	for _, b := range boards() {
		text, err := render(b, page)
		if err != nil {
			return fmt.Errorf("render dashboard %s: %w", b.uid, err)
		}
		if err := os.WriteFile(filepath.Join(directory, b.uid+".json"), text, 0o644); err != nil {
			return fmt.Errorf("write dashboard %s: %w", b.uid, err)
		}
	}
	return nil
}
