package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// links are the addresses to which alerts lead.
type links struct {
	// runbooks is the address of docs/alerts.md, pages that of admin.
	runbooks, pages string
}

var committed = links{"https://github.com/calypso-cdc/calypso/blob/main/docs/alerts.md", "http://localhost:9090"}

func main() {
	to := committed
	directory := flag.String("out", "deploy/observability", "the directory for the files")
	flag.StringVar(&to.runbooks, "runbooks", to.runbooks, "the address of docs/alerts.md, for runbook_url")
	flag.StringVar(&to.pages, "page", to.pages, "the address of admin, for dashboard_url")
	flag.Parse()
	files, err := outputs(to)
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(*directory, name), text, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "observability: write the rules:", err)
		os.Exit(1)
	}
}
