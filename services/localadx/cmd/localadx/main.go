// Command localadx runs a local Azure Data Explorer.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/calypso-cdc/calypso/libs/config"
	build "github.com/calypso-cdc/calypso/libs/version"
	"github.com/calypso-cdc/calypso/services/localadx"
	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
	"github.com/calypso-cdc/calypso/services/localadx/reference"
)

// version is set by the linker (-X main.version=…).
var version = "development"

// settings are the flags, and the environment variables LOCALADX_….
type settings struct {
	HTTP             string        `name:"http" default:"localhost:8082" help:"Address for http, as host:port; :8082 listens on all interfaces."`
	HTTPS            string        `name:"https" default:"localhost:8443" help:"Address for https, as host:port."`
	Data             string        `name:"data" default:".localadx" help:"Directory that holds all data."`
	Databases        []string      `name:"database" default:"NetDefaultDB" help:"Databases to make at the start, separated by commas."`
	Memory           string        `name:"memory" default:"1GB" help:"Memory that queries and ingestion may use; more goes to disk."`
	Threads          int           `name:"threads" default:"0" help:"Threads for queries; 0 is one a core."`
	MaxBatchingTime  time.Duration `name:"max-batching-time" default:"0" help:"Longest time that queued ingestion waits to fill a batch, such as 1s; 0 obeys the tables' batching policies."`
	MaxResultRows    int64         `name:"max-result-rows" default:"500000" help:"Rows that a query may return."`
	DiskReserve      int64         `name:"disk-reserve" default:"268435456" help:"Bytes of the disk that stay free: with less, ingestion is refused."`
	Token            string        `name:"token" help:"Bearer token that clients must send; empty lets everybody in."`
	Cert             string        `name:"cert" help:"Certificate for https (PEM); without, one is made and ca.pem in the data directory is what to trust."`
	Key              string        `name:"key" help:"Key of the certificate for https (PEM)."`
	Names            []string      `name:"names" help:"Further host names and addresses for the certificate that is made, separated by commas."`
	StorageURL       string        `name:"storage-url" help:"URL at which clients reach the https address when it is not the host they use, as behind a port mapping."`
	LikeADX          []string      `name:"like-adx" help:"Traits of Azure's service to imitate that a local one does not need, so that clients can be tested against them, separated by commas; all is all of them, and - before a name leaves that one out. localadx reference lists the names."`
	StorageLife      time.Duration `name:"storage-life" default:"0" help:"How long names of storage are handed out where like-adx has them change, and then still answered; 0 is two hours, as clients ask for them every hour."`
	Emulator         string        `name:"emulator" help:"Answer as Kusto's emulator (kustainer), which takes neither queued nor streaming ingestion: syntax-error or wrong-endpoint, as it refuses to say where to queue."`
	Roles            []string      `name:"roles" help:"Roles that clients have, separated by commas: ingestor, viewer, user, table-admin, database-admin; empty is all."`
	StatusOperations int64         `name:"status-operations" default:"0" help:"Requests a day that the status table takes before it asks clients to wait; 0 is any number."`
	LogLevel         slog.Level    `name:"log-level" default:"info" help:"debug, info, warn or error."`
}

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, config.ErrHelp) {
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
	var s settings
	warnings, err := program.Load(&s, args)
	if err != nil {
		return err
	}
	c, err := s.config()
	if err != nil {
		return err
	}
	for _, w := range warnings {
		c.Log.Warn(w)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if healthcheck {
		return check(ctx, c.HTTPAddr)
	}
	return localadx.Run(ctx, c)
}

var program = config.Program{
	Name: "localadx",
	About: "An Azure Data Explorer on this machine. The Azure SDKs talk to it unmodified: the cluster is " +
		"http://localhost:8082 without credentials, or https://localhost:8443 with any (clients must trust ca.pem in the data directory). " +
		"Use the name localhost, not 127.0.0.1: the SDKs treat it as a local cluster. Queued ingestion from Go needs " +
		"azkustoingest.WithoutEndpointCorrection() and an http.Client that trusts ca.pem.",
	Version: build.Line("localadx", version),
	Prefix:  "LOCALADX_",
	Examples: []string{
		"localadx --database shop            (makes a database of this name at the start)",
		"localadx healthcheck                (exits with 0 if the server at --http answers, for containers)",
		"localadx reference                  (prints what is supported: commands, functions, formats)",
		`curl -s localhost:8082/v1/rest/mgmt  -d '{"db":"NetDefaultDB","csl":".create table T (a:string, b:long)"}'`,
		`curl -s localhost:8082/v1/rest/mgmt  -d '{"db":"NetDefaultDB","csl":".ingest inline into table T <| x,1"}'`,
		`curl -s localhost:8082/v2/rest/query -d '{"db":"NetDefaultDB","csl":"T | count"}'`,
	},
}

// config returns the configuration with which the server runs.
func (s *settings) config() (c localadx.Config, err error) {
	c = localadx.Config{
		HTTPAddr: s.HTTP, HTTPSAddr: s.HTTPS, DataDir: s.Data, Databases: s.Databases, MemoryLimit: s.Memory,
		Threads: s.Threads, MaxBatchingTime: s.MaxBatchingTime, MaxResultRows: s.MaxResultRows, DiskReserve: s.DiskReserve,
		Token: s.Token, CertFile: s.Cert, KeyFile: s.Key, Names: s.Names, StorageURL: s.StorageURL,
		StorageLife: s.StorageLife, StatusOperations: s.StatusOperations,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: s.LogLevel})),
	}
	if c.Like, err = fidelity.Parse(s.LikeADX); err != nil {
		return c, fmt.Errorf("--like-adx: %w", err)
	}
	if c.Emulator, err = fidelity.ParseEmulator(s.Emulator); err != nil {
		return c, fmt.Errorf("--emulator: %w", err)
	}
	if c.Roles, err = fidelity.ParseRoles(s.Roles); err != nil {
		return c, fmt.Errorf("--roles: %w", err)
	}
	return c, nil
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
