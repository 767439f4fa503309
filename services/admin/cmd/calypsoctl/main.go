// Command calypsoctl controls Calypso from a shell.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/calypso-cdc/calypso/services/admin/ctl"
)

// version is set by the linker (-X main.version=…).
var version = "development"

func main() {
	// A command that is told to end, even because its terminal closes, still removes what it created
	// temporarily (probe).
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	err := ctl.Run(ctx, version, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "calypsoctl:", ctl.Message(err))
	}
	os.Exit(ctl.Exit(err))
}
