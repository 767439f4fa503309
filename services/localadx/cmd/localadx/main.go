// Command localadx runs a local Azure Data Explorer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx"
	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
	"github.com/calypso-cdc/calypso/services/localadx/reference"
)

const usage = `localadx is an Azure Data Explorer on this machine. The Azure SDKs talk to it unmodified.

  localadx                            serve with data under .localadx
  localadx --database shop            make a database of this name at the start
  localadx healthcheck                exit with 0 if the server at --http answers, for containers
  localadx reference                  print what is supported: commands, functions, formats

Try it:
  curl -s localhost:8082/v1/rest/mgmt  -d '{"db":"NetDefaultDB","csl":".create table T (a:string, b:long)"}'
  curl -s localhost:8082/v1/rest/mgmt  -d '{"db":"NetDefaultDB","csl":".ingest inline into table T <| x,1"}'
  curl -s localhost:8082/v2/rest/query -d '{"db":"NetDefaultDB","csl":"T | count"}'

SDKs: the cluster is http://localhost:8082 without credentials, or https://localhost:8443 with any (clients must trust
ca.pem in the data directory). Use the name localhost, not 127.0.0.1: the SDKs treat it as a local cluster. Queued
ingestion from Go needs azkustoingest.WithoutEndpointCorrection() and an http.Client that trusts ca.pem.

Every flag can be given as an environment variable: LOCALADX_ and the flag's name in capitals, with _ for -.

Flags:
`

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "localadx:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == "reference" {
		return reference.Write(os.Stdout)
	}
	healthcheck := len(args) > 0 && args[0] == "healthcheck"
	if healthcheck {
		args = args[1:]
	}
	config, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if healthcheck {
		return check(ctx, config.HTTPAddr)
	}
	return localadx.Run(ctx, config)
}

// parse reads flags, and the environment for those that are not given.
func parse(args []string) (localadx.Config, error) {
	var config localadx.Config
	var databases, names, traits, emulator, roles, level string
	flags := flag.NewFlagSet("localadx", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&config.HTTPAddr, "http", localadx.DefaultHTTPAddr,
		"address for http, as host:port; :8082 listens on all interfaces")
	flags.StringVar(&config.HTTPSAddr, "https", localadx.DefaultHTTPSAddr, "address for https, as host:port")
	flags.StringVar(&config.DataDir, "data", ".localadx", "directory that holds all data")
	flags.StringVar(&databases, "database", localadx.DefaultDatabase,
		"databases to make at the start, separated by commas")
	flags.StringVar(&config.MemoryLimit, "memory", "1GB", "memory that queries and ingestion may use; more goes to disk")
	flags.IntVar(&config.Threads, "threads", 0, "threads for queries; 0 is one a core")
	flags.DurationVar(&config.MaxBatchingTime, "max-batching-time", 0,
		"longest time that queued ingestion waits to fill a batch, such as 1s; 0 obeys the tables' batching policies")
	flags.Int64Var(&config.MaxResultRows, "max-result-rows", 500_000, "rows that a query may return")
	flags.Int64Var(&config.DiskReserve, "disk-reserve", 256<<20,
		"bytes of the disk that stay free: with less, ingestion is refused")
	flags.StringVar(&config.Token, "token", "", "bearer token that clients must send; empty lets everybody in")
	flags.StringVar(&config.CertFile, "cert", "",
		"https certificate (PEM); without, one is made and ca.pem in the data directory is what to trust")
	flags.StringVar(&config.KeyFile, "key", "", "key of the https certificate (PEM)")
	flags.StringVar(&names, "names", "",
		"further host names and addresses for the certificate that is made, separated by commas")
	flags.StringVar(&config.StorageURL, "storage-url", "",
		"URL at which clients reach the https address when it is not the host they use, as behind a port mapping")
	flags.StringVar(&traits, "like-adx", "",
		"what of Azure's service to take over beyond what a local one needs, for clients to be tried against, separated by commas: "+
			fidelity.Names()+"; all is all of them, and - before a name takes it away again")
	flags.DurationVar(&config.StorageLife, "storage-life", 0,
		"how long names of storage are handed out where "+string(fidelity.RotatingStorage)+
			" has them change, and then still answered; 0 is two hours, as clients ask for them every hour")
	flags.StringVar(&emulator, "emulator", "",
		"answer as Kusto's emulator (kustainer), which takes neither queued nor streaming ingestion: syntax-error or wrong-endpoint, as it refuses to say where to queue")
	flags.StringVar(&roles, "roles", "",
		"roles that clients have, separated by commas: ingestor, viewer, user, table-admin, database-admin; empty is all")
	flags.Int64Var(&config.StatusOperations, "status-operations", 0,
		"requests a day that the status table takes before it asks clients to wait; 0 is any number")
	flags.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	if err := flags.Parse(args); err != nil {
		return config, err
	}
	if flags.NArg() > 0 {
		return config, fmt.Errorf("unexpected argument %q: see localadx --help", flags.Arg(0))
	}
	if err := fromEnvironment(flags); err != nil {
		return config, err
	}
	var slogLevel slog.Level
	if err := slogLevel.UnmarshalText([]byte(level)); err != nil {
		return config, fmt.Errorf("--log-level: %w", err)
	}
	config.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slogLevel}))
	config.Databases, config.Names = list(databases), list(names)
	var err error
	if config.Like, err = fidelity.Parse(list(traits)); err != nil {
		return config, fmt.Errorf("--like-adx: %w", err)
	}
	if config.Emulator, err = fidelity.ParseEmulator(emulator); err != nil {
		return config, fmt.Errorf("--emulator: %w", err)
	}
	if config.Roles, err = fidelity.ParseRoles(list(roles)); err != nil {
		return config, fmt.Errorf("--roles: %w", err)
	}
	return config, nil
}

func fromEnvironment(flags *flag.FlagSet) error {
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var problems error
	flags.VisitAll(func(f *flag.Flag) {
		name := "LOCALADX_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		text, ok := os.LookupEnv(name)
		if !ok || given[f.Name] {
			return
		}
		if err := flags.Set(f.Name, text); err != nil {
			problems = errors.Join(problems, fmt.Errorf("%s: %w", name, err))
		}
	})
	return problems
}

func list(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// check asks a running server whether it answers.
func check(ctx context.Context, addr string) error {
	if strings.HasPrefix(addr, ":") {
		addr = "localhost" + addr
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/health", nil)
	if err != nil {
		return fmt.Errorf("check %s: %w", addr, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("check %s: %w", addr, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("check %s: it answered %s", addr, response.Status)
	}
	return nil
}
