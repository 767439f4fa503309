// Command bench measures capture and sink from the outside, each as a process of its own, with a real PostgreSQL and a
// real Apache Kafka beside them on the same machine, and prints tables in Markdown; -json names a file for the figures.
//
//	bench capture   snapshot, streaming drain, latency and memory of capture, with pg_recvlogical in the same run
//	                as ceiling
//	bench sink      rows accepted by a target that answers at once or after a delay, beside the figures of Azure's
//	                own connector
//
// Figures of different machines, or of this one at different times, cannot be compared; the ratios of one run can.
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
