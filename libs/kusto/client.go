package kusto

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-kusto-go/azkustodata"
	"github.com/Azure/azure-kusto-go/azkustodata/kql"
	"github.com/Azure/azure-kusto-go/azkustodata/query"
	"github.com/Azure/azure-kusto-go/azkustoingest"

	"github.com/calypso-cdc/calypso/libs/contain"
)

// Config says which cluster and how to reach it.
type Config struct {
	Endpoints Endpoints
	Auth      Auth
	// TrustedHosts are hosts outside Azure and this machine that may be given data and credentials.
	TrustedHosts []string
	// CAFile is a PEM file of certificate authorities to trust besides the system's; empty for none.
	CAFile string
	// Proxy is the address of an HTTP proxy; empty reads HTTPS_PROXY and its like.
	Proxy string
	// Application names the caller in the cluster's own records; no default.
	Application string
	// StatusInterval is the time between two requests for the final status of a queued ingestion; by
	// default 2 s, or 100 ms for a server on this machine.
	StatusInterval time.Duration
}

// Client talks to one cluster. It is safe for concurrent use.
type Client struct {
	cfg    Config
	http   *http.Client
	engine *azkustodata.Client
	dm     *azkustodata.Client
	stream *azkustoingest.Streaming
	queued *queue
}

// New makes a client. It does not connect, so a wrong address shows at the first call.
//
// Credentials are sent only over TLS, and to this machine only if they are a token: a local server
// has no tenant to ask.
func New(cfg Config) (*Client, error) {
	for _, endpoint := range []string{cfg.Endpoints.Query, cfg.Endpoints.Ingest} {
		if err := CheckTrust(endpoint, cfg.TrustedHosts); err != nil {
			return nil, err
		}
		if !hasAzureSuffix(hostOf(endpoint)) && !Loopback(endpoint) {
			sdkTrusted.allow(endpoint)
		}
	}
	if cfg.StatusInterval == 0 {
		cfg.StatusInterval = 2 * time.Second
		if Loopback(cfg.Endpoints.Ingest) {
			cfg.StatusInterval = 100 * time.Millisecond
		}
	}
	hc, err := newHTTPClient(cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, http: hc}
	engine, err := cfg.connection(cfg.Endpoints.Query, hc)
	if err != nil {
		return nil, err
	}
	dm, err := cfg.connection(cfg.Endpoints.Ingest, hc)
	if err != nil {
		return nil, err
	}
	if c.engine, err = azkustodata.New(engine, azkustodata.WithHttpClient(hc)); err != nil {
		return nil, fmt.Errorf("make a client of %s: %w", cfg.Endpoints.Query, err)
	}
	if c.dm, err = azkustodata.New(dm, azkustodata.WithHttpClient(hc)); err != nil {
		return nil, fmt.Errorf("make a client of %s: %w", cfg.Endpoints.Ingest, err)
	}
	// The endpoints are correct already; the SDK's own correction treats a port as part of the host
	// name.
	options := []azkustoingest.Option{
		azkustoingest.WithHttpClient(hc), azkustoingest.WithoutEndpointCorrection(),
		azkustoingest.WithStaticBuffer(uploadBlock, uploadParallel),
	}
	if c.stream, err = azkustoingest.NewStreaming(engine, options...); err != nil {
		return nil, fmt.Errorf("make a streaming client of %s: %w", cfg.Endpoints.Query, err)
	}
	if c.queued, err = newQueue(func() (*azkustoingest.Ingestion, error) {
		return azkustoingest.New(dm, options...)
	}); err != nil {
		return nil, fmt.Errorf("make an ingestion client of %s: %w", cfg.Endpoints.Ingest, err)
	}
	return c, nil
}

func (c Config) connection(endpoint string, hc *http.Client) (*azkustodata.ConnectionStringBuilder, error) {
	auth := c.Auth
	if !c.SendsCredentials() {
		auth = Auth{Strategy: NoAuth}
	}
	k, err := auth.connection(endpoint, hc)
	if err != nil {
		return nil, err
	}
	k.ApplicationForTracing = c.Application
	return k, nil
}

// Close ends the client's background work and idle connections.
func (c *Client) Close() error {
	return errors.Join(c.queued.Close(), c.stream.Close(), c.engine.Close(), c.dm.Close())
}

// Endpoints returns the addresses in use.
func (c *Client) Endpoints() Endpoints { return c.cfg.Endpoints }

// Table is the result of a command or query: column names, and each value in Kusto's text form.
type Table struct {
	Columns []string
	Rows    [][]string
}

// Column returns the index of a column, -1 if there is none with this name.
func (t *Table) Column(name string) int {
	for i, c := range t.Columns {
		if c == name {
			return i
		}
	}
	return -1
}

// Value returns a row's value in the named column, "" if there is no such row or column.
func (t *Table) Value(row int, column string) string {
	if i := t.Column(column); i >= 0 && row < len(t.Rows) {
		return t.Rows[row][i]
	}
	return ""
}

// Manage runs a management command on the engine. An answer that lacks one of the columns is an error.
func (c *Client) Manage(ctx context.Context, db, command string, columns ...string) (*Table, error) {
	return manage(ctx, c.engine, db, command, columns)
}

func manage(ctx context.Context, client *azkustodata.Client, db, command string, columns []string) (*Table, error) {
	ctx, o := withOutcome(ctx)
	op := "run " + firstWords(command) + " in " + db
	ds, err := understood(func() (query.Dataset, error) { return client.Mgmt(ctx, db, kql.New("").AddUnsafe(command)) })
	if err != nil {
		return nil, fail(ctx, op, o, err)
	}
	for _, t := range ds.Tables() {
		return readTable(t).with(columns, op)
	}
	return nil, misshapen(op, "it has no table")
}

// Query runs a query on the engine and returns its first table. An answer that lacks one of the
// columns is an error.
func (c *Client) Query(ctx context.Context, db, text string, columns ...string) (*Table, error) {
	ctx, o := withOutcome(ctx)
	op := "query " + db
	ds, err := understood(func() (query.Dataset, error) { return c.engine.Query(ctx, db, kql.New("").AddUnsafe(text)) })
	if err != nil {
		return nil, fail(ctx, op, o, err)
	}
	for _, t := range ds.Tables() {
		if t.IsPrimaryResult() {
			return readTable(t).with(columns, op)
		}
	}
	return nil, misshapen(op, "it has no table")
}

// with returns the table if it has the columns, and each row a value of each column.
func (t *Table) with(columns []string, op string) (*Table, error) {
	if len(t.Columns) == 0 {
		return nil, misshapen(op, "its table has no columns")
	}
	for _, name := range columns {
		if t.Column(name) < 0 {
			return nil, misshapen(op, fmt.Sprintf("its table has no column %s, but %s", name, strings.Join(t.Columns, ", ")))
		}
	}
	for _, row := range t.Rows {
		if len(row) != len(t.Columns) {
			return nil, misshapen(op, misfit)
		}
	}
	return t, nil
}

// misfit is what is wrong with an answer whose rows have more or fewer values than there are columns.
const misfit = "its rows do not fit its columns"

// misshapen is the error about an answer that the service does not give.
func misshapen(op, how string) *Error {
	return &Error{Op: op, OtherServer: true,
		Message: "what answers is not Azure Data Explorer, or not all of it: " + how + elsewhere}
}

// understood returns what the SDK makes of an answer. The SDK panics on one whose rows have no
// columns.
func understood(ask func() (query.Dataset, error)) (ds query.Dataset, err error) {
	if contain.Call("the reading of an answer", func() error { ds, err = ask(); return nil }) != nil {
		return nil, misshapen("read the answer", misfit)
	}
	return ds, err
}

func readTable(t query.Table) *Table {
	out := &Table{}
	for _, c := range t.Columns() {
		out.Columns = append(out.Columns, c.Name())
	}
	for _, r := range t.Rows() {
		row := make([]string, 0, len(out.Columns))
		for _, v := range r.Values() {
			row = append(row, v.String())
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// firstWords names a command in an error without its arguments, which may be long.
func firstWords(command string) string {
	words, n := 0, len(command)
	for i, r := range command {
		if r == ' ' || r == '\n' {
			if words++; words == 5 {
				n = i
				break
			}
		}
	}
	return "'" + command[:min(n, 80)] + "'"
}

// SendsCredentials reports whether any credentials would be sent: not over http, and not to this
// machine unless they are a token.
func (c Config) SendsCredentials() bool {
	e := c.Endpoints.Query
	return c.Auth.Strategy != "" && c.Auth.Strategy != NoAuth && secure(e) && (c.Auth.Strategy == Token || !Loopback(e))
}
