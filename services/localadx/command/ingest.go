package command

import (
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx/ingest"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/source"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

func ingestCommands() []definition {
	return []definition{
		{".ingest inline into table <table> [ with <options:props> ] <| <data:rest>",
			"add rows that stand in the command, as CSV unless the format property says otherwise", ingestInline},
		{".ingest inline into table <table> [ with <options:props> ] <data:params>",
			"add rows that stand in brackets", ingestInline},
		{".ingest into table <table> <sources:list> [ with <options:props> ]",
			"add the rows of blobs, by their URLs", ingestSources},
		{".ingest async into table <table> <sources:list> [ with <options:props> ]", "add the rows of blobs, by their URLs",
			asOperation(ingestSources)},
		{".set <table> [ with <options:props> ] <| <query:rest>", "make a table of a query's rows", setTable},
		{".set async <table> [ with <options:props> ] <| <query:rest>", "make a table of a query's rows",
			asOperation(setTable)},
		{".append <table> [ with <options:props> ] <| <query:rest>", "add a query's rows to a table", appendTable},
		{".append async <table> [ with <options:props> ] <| <query:rest>", "add a query's rows to a table",
			asOperation(appendTable)},
		{".set-or-append <table> [ with <options:props> ] <| <query:rest>",
			"add a query's rows to a table, which is made when it is not there", setOrAppendTable},
		{".set-or-append async <table> [ with <options:props> ] <| <query:rest>",
			"add a query's rows to a table, which is made when it is not there", asOperation(setOrAppendTable)},
		{".set-or-replace <table> [ with <options:props> ] <| <query:rest>", "replace a table's rows by a query's",
			setOrReplaceTable},
		{".set-or-replace async <table> [ with <options:props> ] <| <query:rest>", "replace a table's rows by a query's",
			asOperation(setOrReplaceTable)},
		{".show ingestion failures", "list the ingestions that failed in the last 14 days", showIngestionFailures},
		{".show ingestion failures with <options:props>", "list the failures of one operation: (OperationId = '…')",
			showIngestionFailures},
		{".show streamingingestion failures", "list the streaming ingestions that failed in the last 14 days",
			showStreamingFailures},
		{".show ingestion resources", "where clients put blobs and messages for queued ingestion", showIngestionResources},
		{".get ingestion resources [ with <options:props> ]", "where clients put blobs and messages for queued ingestion",
			showIngestionResources},
		{".get kusto identity token", "the token that clients put into their queue messages", showIdentityToken},
	}
}

// properties reads the with (…) of an ingestion command.
func (c *call) properties() (source.Properties, error) {
	return source.ParseProperties(c.options["options"])
}

func ingestInline(c *call) (*Result, error) {
	p, err := c.properties()
	if err != nil {
		return nil, err
	}
	data := c.Text("data")
	if inner, ok := strings.CutPrefix(data, "("); ok && !strings.Contains(c.Statement, "<|") {
		data = strings.TrimSuffix(inner, ")")
	}
	load := store.Load{Tags: p.Tags, IfNotExists: p.IfNotExists, Created: p.Created}
	extent, _, err := c.env.Loader.Load(c.ctx, c.Database, c.Text("table"), p, load, strings.NewReader(data))
	r := newResult("ExtentId:guid")
	if errors.Is(err, store.ErrTagExists) {
		r.add(uuid.Nil.String())
		return r, nil
	}
	if err != nil {
		recordFailure(c, c.Text("table"), err)
		return nil, err
	}
	r.add(extent.GUID.String())
	return r, nil
}

// ingestSources ingests blobs, each as an extent of its own.
func ingestSources(c *call) (*Result, error) {
	p, err := c.properties()
	if err != nil {
		return nil, err
	}
	r := newResult("ExtentId:guid", "ItemLoaded:string", "Duration:timespan", "HasErrors:bool", "OperationId:guid")
	for _, url := range c.lists["sources"] {
		location, _, _ := strings.Cut(url, "?")
		started := time.Now()
		extent, err := ingestSource(c, p, url)
		if err != nil && !errors.Is(err, store.ErrTagExists) {
			recordFailure(c, c.Text("table"), err)
			return nil, err
		}
		r.add(extent.GUID.String(), location, time.Since(started).Nanoseconds()/100, false, uuid.NewString())
	}
	return r, nil
}

func ingestSource(c *call, p source.Properties, url string) (store.Extent, error) {
	if guessed := ingest.FormatOf(strings.SplitN(url, "?", 2)[0]); guessed != "" && c.option("options", "format") == "" {
		p.Format = guessed
	}
	content, err := c.env.Opener.Open(c.ctx, url)
	if err != nil {
		return store.Extent{}, err
	}
	defer content.Close()
	load := store.Load{Tags: p.Tags, IfNotExists: p.IfNotExists, Created: p.Created}
	extent, _, err := c.env.Loader.Load(c.ctx, c.Database, c.Text("table"), p, load, content)
	return extent, err
}

// recordFailure puts the failure of a command into `.show ingestion failures`.
func recordFailure(c *call, table string, err error) {
	var known *ingest.Error
	if !errors.As(err, &known) {
		return
	}
	failure := store.NewFailure(c.Database, table, "DataIngestInline", known.Code, known.Message, known.Transient)
	// The command's own error is what the caller needs; that it could not be recorded is not worth another.
	_ = c.env.Store.Settle(c.ctx, store.Settlement{Failures: []store.Failure{failure}})
}

func setTable(c *call) (*Result, error) {
	plan, err := c.env.Query.Compile(c.ctx, c.Database, c.Text("query"), nil)
	if err != nil {
		return nil, err
	}
	if err := tableForQuery(c, plan, func(d *store.Change, name string) error {
		if _, ok := d.Database.Tables[name]; ok {
			return &store.ExistsError{Kind: "Table", Name: name}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return insertQuery(c, store.Load{})
}

// tableForQuery makes a table with the columns of the plan unless it is there.
func tableForQuery(c *call, plan *kql.Plan, check func(*store.Change, string) error) error {
	return c.env.Store.ChangeDatabase(c.ctx, c.Database, func(d *store.Change) error {
		name := c.Text("table")
		if err := check(d, name); err != nil {
			return err
		}
		if _, ok := d.Database.Tables[name]; ok {
			return nil
		}
		t, err := d.CreateTable(name, plan.Columns)
		if err != nil {
			return err
		}
		options := c.options["options"]
		t.Folder, t.DocString = options["folder"], options["docstring"]
		return nil
	})
}

func appendTable(c *call) (*Result, error) { return insertQuery(c, store.Load{}) }

func setOrAppendTable(c *call) (*Result, error) {
	return setOrInsert(c, store.Load{})
}

func setOrReplaceTable(c *call) (*Result, error) {
	return setOrInsert(c, store.Load{Replace: true})
}

func setOrInsert(c *call, load store.Load) (*Result, error) {
	d, err := c.env.Store.Catalog().Database(c.Database)
	if err != nil {
		return nil, err
	}
	if _, ok := d.Tables[c.Text("table")]; !ok {
		plan, err := c.env.Query.Compile(c.ctx, c.Database, c.Text("query"), nil)
		if err != nil {
			return nil, err
		}
		if err := tableForQuery(c, plan, func(*store.Change, string) error { return nil }); err != nil {
			return nil, err
		}
	}
	return insertQuery(c, load)
}

// insertQuery adds the rows of the command's query to the table.
func insertQuery(c *call, load store.Load) (*Result, error) {
	p, err := c.properties()
	if err != nil {
		return nil, err
	}
	load.Tags, load.IfNotExists, load.Created = p.Tags, p.IfNotExists, p.Created
	plan, err := c.env.Query.Compile(c.ctx, c.Database, c.Text("query"), nil)
	if err != nil {
		return nil, err
	}
	extent, err := c.env.Store.Ingest(c.ctx, c.Database, c.Text("table"), load,
		func(in *store.Ingestion) error { return in.InsertQuery(plan) })
	if errors.Is(err, store.ErrTagExists) {
		return nil, badRequest("The table '%s' already has an extent with one of the ingestIfNotExists tags", c.Text("table"))
	}
	if err != nil {
		return nil, err
	}
	r := newResult("ExtentId:guid", "OriginalSize:long", "ExtentSize:long", "ColumnSize:long", "IndexSize:long",
		"RowCount:long")
	if extent.Rows > 0 {
		r.add(extent.GUID.String(), extent.OriginalSize, extent.OriginalSize, extent.OriginalSize, int64(0), extent.Rows)
	}
	return r, nil
}

func showIngestionFailures(c *call) (*Result, error) {
	return failures(c, func(f store.Failure) bool {
		id, given := c.options["options"]["operationid"]
		return !given || strings.EqualFold(id, f.OperationID.String())
	})
}

func showStreamingFailures(c *call) (*Result, error) {
	return failures(c, func(f store.Failure) bool { return f.OperationKind == "StreamingIngest" })
}

func failures(c *call, wanted func(store.Failure) bool) (*Result, error) {
	failures, err := c.env.Store.Failures(c.ctx)
	if err != nil {
		return nil, err
	}
	r := newResult("OperationId:guid", "Database:string", "Table:string", "FailedOn:datetime",
		"IngestionSourcePath:string", "Details:string",
		"FailureKind:string", "RootActivityId:guid", "OperationKind:string", "OriginatesFromUpdatePolicy:bool",
		"ErrorCode:string",
		"Principal:string", "ShouldRetry:bool", "User:string", "IngestionProperties:string")
	for _, f := range failures {
		if wanted(f) {
			r.add(f.OperationID.String(), f.Database, f.Table, value.TicksOf(f.FailedOn), f.SourcePath, f.Details, f.Kind,
				f.RootActivityID.String(),
				f.OperationKind, f.FromUpdatePolicy, f.ErrorCode, "", f.ShouldRetry, "", f.IngestionProperties)
		}
	}
	return r, nil
}

func showIngestionResources(c *call) (*Result, error) {
	r := newResult("ResourceTypeName:string", "StorageRoot:string")
	for _, resource := range c.env.Resources.IngestionResources(c.StorageURL) {
		r.add(resource[0], resource[1])
	}
	return r, nil
}

func showIdentityToken(c *call) (*Result, error) {
	r := newResult("AuthorizationContext:string")
	r.add(c.env.Resources.IdentityToken())
	return r, nil
}

// TempStorage is the resource type of the containers that clients upload to.
const TempStorage = "TempStorage"
