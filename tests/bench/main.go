package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("say what to measure: capture or sink")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	flags := flag.NewFlagSet("bench "+args[0], flag.ContinueOnError)
	jsonFile := flags.String("json", "", "file to write the figures to, as JSON")
	var measure func(context.Context) (report, error)
	switch args[0] {
	case "capture":
		b := captureBench{}
		b.flags(flags)
		measure = b.run
	case "sink":
		b := sinkBench{}
		b.flags(flags)
		measure = b.run
	default:
		return fmt.Errorf("cannot measure %q: say capture or sink", args[0])
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	r, err := measure(ctx)
	if err != nil {
		return err
	}
	fmt.Print(r.markdown())
	if *jsonFile == "" {
		return nil
	}
	out, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	return os.WriteFile(*jsonFile, append(out, '\n'), 0o644)
}
