package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/query"
	"github.com/calypso-cdc/calypso/services/localadx/source"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// Result is a command's answer. Values are of the Go types that value.AppendJSON takes.
type Result struct {
	Columns []kql.Column
	Rows    [][]any
}

// newResult makes an empty result; columns are written "Name:type".
func newResult(columns ...string) *Result {
	r := &Result{Columns: make([]kql.Column, len(columns))}
	for i, c := range columns {
		name, typeName, _ := strings.Cut(c, ":")
		typ, ok := value.ParseType(typeName)
		if !ok {
			panic("a command's result has a column of an unknown type: " + c)
		}
		r.Columns[i] = kql.Column{Name: name, Type: typ}
	}
	return r
}

func (r *Result) add(values ...any) { r.Rows = append(r.Rows, values) }

// Request is a command to run.
type Request struct {
	// Database is the one that the command is about unless it names another.
	Database string
	// Statement is the command's text.
	Statement string
	// StorageURL is where the client reaches the storage services, without a slash at the end.
	StorageURL string
	ClientID   string // x-ms-client-request-id
	User       string
}

// Resources are what clients need for queued ingestion.
type Resources interface {
	// IngestionResources lists pairs of a resource type's name and a URL that starts with storageURL.
	IngestionResources(storageURL string) [][2]string
	// IdentityToken is what clients pass on in their queue messages.
	IdentityToken() string
}

// Config is the configuration of an Executor. All fields except Address, Roles, Like and Emulator
// are required.
type Config struct {
	// Roles are the roles of all clients, and Like the traits of Azure's service that commands
	// imitate.
	Roles     fidelity.Roles
	Like      fidelity.Set
	Emulator  fidelity.Emulator
	Store     *store.Store
	Query     *query.Runner
	Loader    *source.Loader
	Opener    *source.Opener
	Resources Resources
	Journal   *Journal
	// Version and Started describe the service.
	Version string
	Started time.Time
	// Address is the service's own, for `.show cluster`.
	Address string
}

// definition is one command.
type definition struct {
	pattern string
	// about says in a few words what the command does, for the reference page.
	about string
	run   func(*call) (*Result, error)
}

// call is a command being run.
type call struct {
	Args
	Request
	ctx context.Context
	env *Config
	// nested runs a command that the command has within it.
	nested func(context.Context, Request) (string, *Result, error)
}

// options returns an argument of properties.
func (c *call) option(argument, key string) string { return c.options[argument][key] }

// asOperation makes a command one that answers with the identifier of an operation, as Kusto does
// for async ones. It has ended when its answer comes; `.show operations` tells how.
func asOperation(run func(*call) (*Result, error)) func(*call) (*Result, error) {
	return func(c *call) (*Result, error) {
		started := time.Now()
		_, err := run(c)
		entry := newEntry(c.Request, "operation", started, err)
		c.env.Journal.record(entry)
		r := newResult("OperationId:guid")
		r.add(entry.ID.String())
		return r, nil
	}
}

// badRequest is an error of what the command asks for.
func badRequest(format string, args ...any) error {
	return &store.InvalidError{Reason: fmt.Sprintf(format, args...)}
}

// database finds the database that the command names by the argument, else the request's.
func (c *call) database(argument string) (*store.Database, error) {
	name := c.Text(argument)
	if name == "" {
		name = c.Database
	}
	return c.env.Store.Catalog().Database(name)
}

// table finds the table that the argument names.
func (c *call) table(argument string) (*store.Database, *store.Table, error) {
	d, err := c.env.Store.Catalog().Database(c.Database)
	if err != nil {
		return nil, nil, err
	}
	t, err := d.Table(c.Text(argument))
	return d, t, err
}
