// Command calypsoctl controls Calypso from a shell.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/calypso-cdc/calypso/services/admin/ctl"
)

// version is set by the linker (-X main.version=…).
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := ctl.Run(ctx, version, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "calypsoctl:", ctl.Message(err))
	}
	os.Exit(ctl.Exit(err))
}
