// Command calypso runs the whole pipeline on one machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/rpc"
	build "github.com/calypso-cdc/calypso/libs/version"
	"github.com/calypso-cdc/calypso/services/calypso"
)

// version is set by the linker (-X main.version=…).
var version = "development"

// memoryLimit is the soft limit of the Go heap in bytes, unless GOMEMLIMIT sets another.
const memoryLimit = 384 << 20

const usage = `calypso carries row changes from PostgreSQL through Kafka into Azure Data Explorer.

  calypso up            run everything in one process; calypso up --help lists its settings
  calypso healthcheck   ask a service for its health; exit status 0 if it is ready
  calypso version       print the version
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the process at once.
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, config.ErrHelp) {
		fmt.Fprintln(os.Stderr, "calypso:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Print(usage)
		return nil
	}
	switch command, rest := args[0], args[1:]; command {
	case "up":
		return up(ctx, rest)
	case "healthcheck":
		return healthcheck(ctx, rest)
	case "version", "--version", "-version":
		fmt.Println(build.Line("calypso", version))
		return nil
	case "help", "--help", "-h":
		fmt.Print(usage)
		return nil
	default:
		return fmt.Errorf("%q is not a command: try up, healthcheck, version or help", command)
	}
}

func up(ctx context.Context, args []string) error {
	var s calypso.Settings
	warnings, err := config.Program{
		Name:    "calypso up",
		Version: build.Line("calypso", version),
		About:   "Runs PostgreSQL, Kafka, Azure Data Explorer (each embedded unless one is given) and all of Calypso, with the orders use case.",
		Examples: []string{"calypso up", "calypso up --rate 1000",
			"calypso up --no-orders --pg-url postgres://me:secret@db:5432/shop"},
	}.Load(&s, args)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		fmt.Fprintln(os.Stderr, "calypso:", w)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	return calypso.Up(ctx, s, version, os.Stdout)
}

func healthcheck(ctx context.Context, args []string) error {
	var s struct {
		Address string `name:"address" default:"127.0.0.1:7070" help:"gRPC address of the service; admin's by default."`
	}
	if _, err := (config.Program{Name: "calypso healthcheck", About: "Asks a service for its health."}).Load(&s,
		args); err != nil {
		return err
	}
	return rpc.CheckHealth(ctx, s.Address)
}
