// Command dashboards writes Calypso's dashboards for Grafana (`make dashboards`): JSON of Grafana's
// own schema, by its Foundation SDK, from the declarations in this folder.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	folder := flag.String("out", "../deploy/observability/dashboards", "the folder for the files")
	page := flag.String("page", defaultPage, "the address of admin's page, to which dashboards link")
	flag.Parse()
	if err := write(*folder, *page); err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
}

func write(folder, page string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make the folder for dashboards: %w", err)
	}
	for _, b := range boards() {
		text, err := render(b, page)
		if err != nil {
			return fmt.Errorf("render dashboard %s: %w", b.uid, err)
		}
		if err := os.WriteFile(filepath.Join(folder, b.uid+".json"), text, 0o644); err != nil {
			return fmt.Errorf("write dashboard %s: %w", b.uid, err)
		}
	}
	return nil
}
