package command

import (
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

func viewCommands() []definition {
	const tail = "[ with <options:props> ] <view> on table <table> <body:body>"
	return []definition{
		{".create materialized-view " + tail, "make a materialized view: a summarize over a table that is always up to date",
			createView},
		{".create async materialized-view " + tail, "make a materialized view", createView},
		{".create ifnotexists materialized-view " + tail, "make a materialized view unless it is there", createView},
		{".create-or-alter materialized-view " + tail, "make or replace a materialized view", createOrAlterView},
		{".alter materialized-view " + tail, "replace a materialized view", createOrAlterView},
		{".drop materialized-view <view> [ ifexists ]", "remove a materialized view", dropView},
		{".rename materialized-view <view> to <name>", "give a materialized view another name", renameView},
		{".enable materialized-view <view>", "let a view be used again; views are always up to date", enableView},
		{".disable materialized-view <view>", "mark a view as disabled; it stays up to date", disableView},
		{".show materialized-views", "list the materialized views", showViews},
		{".show materialized-views details", "list the materialized views", showViews},
		{".show materialized-view <view>", "show a materialized view", showView},
		{".show materialized-view <view> details", "show a materialized view", showView},
		{".show materialized-view <view> schema", "show a materialized view's columns", showViewSchema},
		{".show materialized-view <view> cslschema", "show a materialized view's columns", showViewSchema},
	}
}

func viewResult() *Result {
	return newResult("Name:string", "SourceTable:string", "Query:string", "MaterializedTo:datetime", "LastRun:datetime",
		"LastRunResult:string",
		"IsHealthy:bool", "IsEnabled:bool", "Folder:string", "DocString:string", "AutoUpdateSchema:bool",
		"EffectiveDateTime:datetime",
		"Lookback:timespan", "LookbackColumn:string")
}

func (r *Result) addView(v *store.View) {
	var lookback any
	if ticks, ok := value.ParseTimespan(v.Lookback); ok {
		lookback = ticks
	}
	at := value.TicksOf(time.Now())
	r.add(v.Name, v.Source, v.Query, at, at, "Completed", true, v.Enabled, v.Folder, v.DocString, v.AutoUpdateSchema,
		value.TicksOf(v.EffectiveDateTime), lookback, v.LookbackColumn)
}

func createView(c *call) (*Result, error) {
	return putView(c, func(old *store.View) (bool, error) {
		if old == nil {
			return true, nil
		}
		if strings.Contains(strings.ToLower(c.Statement), "ifnotexists") {
			return false, nil
		}
		return false, &store.ExistsError{Kind: "Materialized view", Name: old.Name}
	})
}

func createOrAlterView(c *call) (*Result, error) {
	return putView(c, func(*store.View) (bool, error) { return true, nil })
}

// putView stores the command's view, whose query must compile and, as in Kusto, end in one summarize.
func putView(c *call, check func(old *store.View) (bool, error)) (*Result, error) {
	body := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(c.Text("body"), "{"), "}"))
	plan, err := c.env.Query.Compile(c.ctx, c.Database, body, nil)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(body, "summarize") {
		return nil, badRequest("The query of a materialized view must end in a summarize operator")
	}
	r := viewResult()
	err = c.env.Store.ChangeDatabase(c.ctx, c.Database, func(d *store.Change) error {
		name := c.Text("view")
		old := d.Database.Views[name]
		put, err := check(old)
		if err != nil {
			return err
		}
		if !put {
			r.addView(old)
			return nil
		}
		if _, taken := d.Database.Tables[name]; taken {
			return &store.ExistsError{Kind: "Table", Name: name}
		}
		if _, isView := d.Database.Views[c.Text("table")]; !isView {
			if _, err := d.Database.Table(c.Text("table")); err != nil {
				return err
			}
		}
		options := c.options["options"]
		v := &store.View{
			Name: name, Source: c.Text("table"), Query: body, Folder: options["folder"], DocString: options["docstring"],
			Columns: plan.Columns,
			Enabled: true, Lookback: options["lookback"], LookbackColumn: options["lookback_column"],
			AutoUpdateSchema: strings.EqualFold(options["autoupdateschema"], "true"),
		}
		switch {
		case old != nil:
			v.From = old.From
		case c.env.Like.Has(fidelity.ViewsFromCreation) && !strings.EqualFold(options["backfill"], "true"):
			v.From = c.env.Store.Cursor()
		}
		if text, ok := options["effectivedatetime"]; ok {
			ticks, ok := value.ParseDatetime(text)
			if !ok {
				return badRequest("effectiveDateTime is '%s' and must be a datetime", text)
			}
			v.EffectiveDateTime = value.TimeOf(ticks)
		}
		d.Database.Views[name] = v
		r.addView(v)
		return nil
	})
	return r, err
}

func changeView(c *call, change func(*store.Change, *store.View) error) (*Result, error) {
	r := viewResult()
	err := c.env.Store.ChangeDatabase(c.ctx, c.Database, func(d *store.Change) error {
		v, ok := d.Database.Views[c.Text("view")]
		if !ok {
			return &store.NotFoundError{Kind: "Materialized view", Name: c.Text("view")}
		}
		if err := change(d, v); err != nil {
			return err
		}
		r.addView(v)
		return nil
	})
	return r, err
}

func dropView(c *call) (*Result, error) {
	d, err := c.env.Store.Catalog().Database(c.Database)
	if err != nil {
		return nil, err
	}
	if _, ok := d.Views[c.Text("view")]; !ok &&
		strings.HasSuffix(strings.ToLower(strings.TrimSpace(c.Statement)), "ifexists") {
		return viewResult(), nil
	}
	return changeView(c, func(d *store.Change, v *store.View) error {
		delete(d.Database.Views, v.Name)
		return nil
	})
}

func renameView(c *call) (*Result, error) {
	return changeView(c, func(d *store.Change, v *store.View) error {
		if _, taken := d.Database.Views[c.Text("name")]; taken || d.Database.Tables[c.Text("name")] != nil {
			return &store.ExistsError{Kind: "Entity", Name: c.Text("name")}
		}
		delete(d.Database.Views, v.Name)
		v.Name = c.Text("name")
		d.Database.Views[v.Name] = v
		return nil
	})
}

func enableView(c *call) (*Result, error) {
	return changeView(c, func(_ *store.Change, v *store.View) error {
		v.Enabled = true
		return nil
	})
}

func disableView(c *call) (*Result, error) {
	return changeView(c, func(_ *store.Change, v *store.View) error {
		v.Enabled = false
		return nil
	})
}

func showViews(c *call) (*Result, error) {
	d, err := c.env.Store.Catalog().Database(c.Database)
	if err != nil {
		return nil, err
	}
	r := viewResult()
	for _, v := range d.SortedViews() {
		r.addView(v)
	}
	return r, nil
}

func view(c *call) (*store.Database, *store.View, error) {
	d, err := c.env.Store.Catalog().Database(c.Database)
	if err != nil {
		return nil, nil, err
	}
	v, ok := d.Views[c.Text("view")]
	if !ok {
		return nil, nil, &store.NotFoundError{Kind: "Materialized view", Name: c.Text("view")}
	}
	return d, v, nil
}

func showView(c *call) (*Result, error) {
	_, v, err := view(c)
	if err != nil {
		return nil, err
	}
	r := viewResult()
	r.addView(v)
	return r, nil
}

func showViewSchema(c *call) (*Result, error) {
	d, v, err := view(c)
	if err != nil {
		return nil, err
	}
	r := tableSchemaResult()
	r.add(v.Name, cslSchema(v.Columns), d.Name, v.Folder, v.DocString)
	return r, nil
}
