package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/likeness"
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

// Config is what an Executor works with. All fields but Address, Roles, Like and Emulator are required.
type Config struct {
	// Roles are those of all clients, and Like is what of Azure's service commands take over.
	Roles     likeness.Roles
	Like      likeness.Set
	Emulator  likeness.Emulator
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

// Executor runs commands. It is safe for concurrent use.
type Executor struct {
	Config
	grammar grammar
}

// New returns an Executor.
func New(config Config) *Executor { return &Executor{Config: config, grammar: newGrammar()} }

// definition is one command.
type definition struct {
	pattern string
	// about says in a few words what the command does, for the reference page.
	about string
	run   func(*Executor, *call) (*Result, error)
}

// call is a command being run.
type call struct {
	Args
	Request
	ctx context.Context
}

// options returns an argument of properties.
func (c *call) option(argument, key string) string { return c.options[argument][key] }

// asOperation makes a command one that answers with the identifier of an operation, as Kusto does for async ones. It has
// ended when its answer comes; `.show operations` tells how.
func asOperation(run func(*Executor, *call) (*Result, error)) func(*Executor, *call) (*Result, error) {
	return func(x *Executor, c *call) (*Result, error) {
		started := time.Now()
		_, err := run(x, c)
		entry := newEntry(c.Request, "operation", started, err)
		x.Journal.record(entry)
		r := newResult("OperationId:guid")
		r.add(entry.ID.String())
		return r, nil
	}
}

// parsed is a definition whose pattern is compiled.
type parsed struct {
	definition
	parts []part
}

// grammar is all commands.
type grammar []parsed

func newGrammar() grammar {
	var all grammar
	for _, group := range [][]definition{
		databaseCommands(), tableCommands(), mappingCommands(), policyCommands(), ingestCommands(), extentCommands(),
		functionCommands(), viewCommands(), clusterCommands(), refusedCommands(),
	} {
		for _, d := range group {
			all = append(all, parsed{definition: d, parts: compilePattern(d.pattern)})
		}
	}
	return all
}

// Usage is how a command is written and what it does; see the package comment for the notation.
type Usage struct {
	Pattern, About string
}

// Reference lists all commands.
func Reference() []Usage {
	var all []Usage
	for _, d := range newGrammar() {
		all = append(all, Usage{d.pattern, d.about})
	}
	return all
}

// Run runs one command.
func (x *Executor) Run(ctx context.Context, request Request) (*Result, error) {
	started := time.Now()
	name, result, err := x.run(ctx, request)
	x.Journal.record(newEntry(request, name, started, err))
	return result, err
}

func (x *Executor) run(ctx context.Context, request Request) (string, *Result, error) {
	d, args, pipe, err := x.grammar.parse(request.Statement)
	if err != nil {
		return "", nil, err
	}
	name := commandType(d.pattern)
	if err := x.Roles.Check(rightFor(d.pattern)); err != nil {
		return name, nil, err
	}
	if err := x.Emulator.Check(d.pattern); err != nil {
		return name, nil, err
	}
	result, err := d.run(x, &call{Args: args, Request: request, ctx: ctx})
	if err != nil || pipe == "" {
		return name, result, err
	}
	result, err = x.pipe(ctx, request, result, pipe)
	return name, result, err
}

// parse finds the command that the text is. What follows a `.show` command behind a bar is a query over its result.
func (g grammar) parse(text string) (d definition, args Args, pipe string, err error) {
	failed := match{text: text, reached: -1}
	words := -1
	for _, candidate := range g {
		m := match{text: text, args: newArgs(), reached: -1}
		if end, ok := m.sequence(candidate.parts, 0); ok {
			rest := next(text, end)
			bar := rest.text == "|" && strings.HasPrefix(candidate.pattern, ".show")
			if bar || rest.kind == endToken || rest.text == ";" && next(text, rest.end).kind == endToken {
				if m.words > words {
					words, d, args, pipe = m.words, candidate.definition, m.args, ""
					if bar {
						pipe = text[rest.end:]
					}
				}
				continue
			}
			m.fail(end, "the end of the command")
		}
		if m.reached > failed.reached {
			failed.reached, failed.expected = m.reached, nil
		}
		if m.reached == failed.reached {
			for _, e := range m.expected {
				failed.fail(m.reached, e)
			}
		}
	}
	if words < 0 {
		return d, args, "", syntaxError(text, max(failed.reached, 0), failed.expected)
	}
	return d, args, pipe, nil
}

// commandType is the command's name in the journal: ".create table <table> …" is "TableCreate" in ADX; here its first
// words.
func commandType(pattern string) string {
	var words []string
	for _, w := range strings.Fields(pattern) {
		if strings.ContainsAny(w, "<{[]") {
			break
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// database finds the database that the command names by the argument, else the request's.
func (x *Executor) database(c *call, argument string) (*store.Database, error) {
	name := c.Text(argument)
	if name == "" {
		name = c.Database
	}
	return x.Store.Catalog().Database(name)
}

// table finds the table that the argument names.
func (x *Executor) table(c *call, argument string) (*store.Database, *store.Table, error) {
	d, err := x.Store.Catalog().Database(c.Database)
	if err != nil {
		return nil, nil, err
	}
	t, err := d.Table(c.Text(argument))
	return d, t, err
}

// badRequest is an error of what the command asks for.
func badRequest(format string, args ...any) error {
	return &store.InvalidError{Reason: fmt.Sprintf(format, args...)}
}

// Check reports whether a command can be parsed, without running it; the error is a *kql.Error.
func (x *Executor) Check(text string) error {
	_, _, _, err := x.grammar.parse(text)
	return err
}
