package command

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

func extentCommands() []definition {
	return []definition{
		{".show table <table> extents", "list a table's extents with their tags", showTableExtents},
		{".show table <table> extents where tags {how:has|contains} <tag:string>", "list a table's extents that have a tag",
			showTableExtents},
		{".show table <table> extents <extents:params>", "list some of a table's extents by their IDs", showTableExtents},
		{".show tables <tables:list> extents", "list the extents of some tables", showTablesExtents},
		{".show database [ <database> ] extents", "list the extents of a database", showDatabaseExtents},
		{".show cluster extents", "list all extents", showAllExtents},
		{".show extents", "list the extents of the current database", showDatabaseExtents},
		{".drop extents <| <query:rest>",
			"remove the extents, with their rows, that a command or query lists in a column ExtentId", dropExtents},
		{".drop extents <extents:params> from <table>", "remove extents with their rows by their IDs", dropExtentsByID},
		{".drop extent <extent:value> from <table>", "remove an extent with its rows", dropExtentsByID},
		{".drop table <table> extents <| <query:rest>",
			"remove a table's extents that a command or query lists in a column ExtentId", dropExtents},
		{".move extents all from table <from> to table <table>", "move all rows to another table", moveExtents},
		{".move extents <extents:params> from table <from> to table <table>",
			"move extents with their rows to another table", moveExtents},
		{".move extents from table <from> to table <table> <extents:params>",
			"move extents with their rows to another table", moveExtents},
		{".alter table <table> extent tags <tags:params> <| <query:rest>",
			"set the tags of extents that a command or query lists", alterExtentTags},
		{".alter-merge table <table> extent tags <tags:params> <| <query:rest>",
			"add tags to extents that a command or query lists", alterExtentTags},
		{".drop table <table> extent tags <tags:params> [ <| <query:rest> ]", "remove tags from a table's extents",
			dropExtentTags},
		{".drop extent tags from table <table> <tags:params>", "remove tags from a table's extents", dropExtentTags},
	}
}

func extentResult() *Result {
	return newResult("ExtentId:guid", "DatabaseName:string", "TableName:string", "MaxCreatedOn:datetime",
		"OriginalSize:real", "ExtentSize:real",
		"CompressedSize:real", "IndexSize:real", "Blocks:long", "Segments:long", "ExtentContainerId:string", "RowCount:long",
		"MinCreatedOn:datetime", "Tags:string", "Kind:string", "DeletedRowCount:long")
}

func addExtents(c *call, r *Result, d *store.Database, tables []*store.Table, wanted func(store.Extent) bool) error {
	for _, t := range tables {
		extents, err := c.env.Store.Extents(c.ctx, t)
		if err != nil {
			return err
		}
		for _, e := range extents {
			if !wanted(e) {
				continue
			}
			size := float64(e.OriginalSize)
			r.add(e.GUID.String(), d.Name, t.Name, value.TicksOf(e.MaxCreated), size, size, size, 0.0, int64(1),
				int64(1), "", e.Rows,
				value.TicksOf(e.MinCreated), strings.Join(e.Tags, "\r\n"), "DataIngest", int64(0))
		}
	}
	return nil
}

func everyExtent(store.Extent) bool { return true }

func showTableExtents(c *call) (*Result, error) {
	d, t, err := c.table("table")
	if err != nil {
		return nil, err
	}
	wanted := everyExtent
	switch c.Text("how") {
	case "has":
		wanted = func(e store.Extent) bool { return slices.Contains(e.Tags, c.Text("tag")) }
	case "contains":
		wanted = func(e store.Extent) bool { return strings.Contains(strings.Join(e.Tags, "\n"), c.Text("tag")) }
	}
	if c.Has("extents") {
		ids := strings.ToLower(c.Text("extents"))
		wanted = func(e store.Extent) bool { return strings.Contains(ids, e.GUID.String()) }
	}
	r := extentResult()
	return r, addExtents(c, r, d, []*store.Table{t}, wanted)
}

func showTablesExtents(c *call) (*Result, error) {
	d, tables, err := selectedTables(c)
	if err != nil {
		return nil, err
	}
	r := extentResult()
	return r, addExtents(c, r, d, tables, everyExtent)
}

func showDatabaseExtents(c *call) (*Result, error) {
	d, err := c.database("database")
	if err != nil {
		return nil, err
	}
	r := extentResult()
	return r, addExtents(c, r, d, d.SortedTables(), everyExtent)
}

func showAllExtents(c *call) (*Result, error) {
	r := extentResult()
	for _, d := range c.env.Store.Catalog().Databases() {
		if err := addExtents(c, r, d, d.SortedTables(), everyExtent); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// listed returns the extent IDs that a command or query lists in its column ExtentId.
func listed(c *call, text string) (map[string]bool, error) {
	request := c.Request
	request.Statement = text
	var result *Result
	var err error
	if strings.HasPrefix(strings.TrimSpace(text), ".") {
		_, result, err = c.nested(c.ctx, request)
	} else {
		result = &Result{}
		result.Columns, result.Rows, err = c.env.Query.All(c.ctx, c.Database, text)
	}
	if err != nil {
		return nil, err
	}
	for i, column := range result.Columns {
		if column.Name == "ExtentId" {
			ids := map[string]bool{}
			for _, row := range result.Rows {
				ids[strings.ToLower(fmt.Sprint(row[i]))] = true
			}
			return ids, nil
		}
	}
	return nil, badRequest("The result has no column ExtentId")
}

func dropExtentsResult() *Result {
	return newResult("ExtentId:guid", "TableName:string", "CreatedOn:datetime")
}

func dropExtents(c *call) (*Result, error) {
	ids, err := listed(c, c.Text("query"))
	if err != nil {
		return nil, err
	}
	return dropByID(c, func(e store.Extent) bool { return ids[e.GUID.String()] })
}

func dropExtentsByID(c *call) (*Result, error) {
	ids := strings.ToLower(c.Text("extents") + c.Text("extent"))
	return dropByID(c, func(e store.Extent) bool { return strings.Contains(ids, e.GUID.String()) })
}

// dropByID drops the wanted extents of the command's table, or of all tables of the database.
func dropByID(c *call, wanted func(store.Extent) bool) (*Result, error) {
	d, err := c.env.Store.Catalog().Database(c.Database)
	if err != nil {
		return nil, err
	}
	tables := d.SortedTables()
	if c.Has("table") {
		t, err := d.Table(c.Text("table"))
		if err != nil {
			return nil, err
		}
		tables = []*store.Table{t}
	}
	r := dropExtentsResult()
	for _, t := range tables {
		extents, err := wantedExtents(c, t, wanted)
		if err != nil {
			return nil, err
		}
		if err := c.env.Store.DropExtents(c.ctx, d.Name, t.Name, extents); err != nil {
			return nil, err
		}
		for _, e := range extents {
			r.add(e.GUID.String(), t.Name, value.TicksOf(e.MaxCreated))
		}
	}
	return r, nil
}

func wantedExtents(c *call, t *store.Table, wanted func(store.Extent) bool) ([]store.Extent, error) {
	extents, err := c.env.Store.Extents(c.ctx, t)
	return slices.DeleteFunc(extents, func(e store.Extent) bool { return !wanted(e) }), err
}

// tags reads the argument ('a', 'b').
func (c *call) tags() ([]string, error) {
	m := match{text: c.Text("tags"), args: newArgs(), reached: -1}
	if _, ok := m.sequence(compilePattern("<tags:list>"), 0); !ok {
		return nil, syntaxError(m.text, m.reached, m.expected)
	}
	return m.args.lists["tags"], nil
}

func alterExtentTags(c *call) (*Result, error) {
	tags, err := c.tags()
	if err != nil {
		return nil, err
	}
	merge := strings.HasPrefix(strings.ToLower(strings.TrimSpace(c.Statement)), ".alter-merge")
	return changeTags(c, func(old []string) []string {
		if !merge {
			return tags
		}
		for _, tag := range tags {
			if !slices.Contains(old, tag) {
				old = append(old, tag)
			}
		}
		return old
	})
}

func dropExtentTags(c *call) (*Result, error) {
	tags, err := c.tags()
	if err != nil {
		return nil, err
	}
	return changeTags(c, func(old []string) []string {
		return slices.DeleteFunc(old, func(tag string) bool { return slices.Contains(tags, tag) })
	})
}

// changeTags edits the tags of the extents that the command's query lists, or of all of the table's.
func changeTags(c *call, edit func([]string) []string) (*Result, error) {
	d, t, err := c.table("table")
	if err != nil {
		return nil, err
	}
	wanted := everyExtent
	if c.Has("query") {
		ids, err := listed(c, c.Text("query"))
		if err != nil {
			return nil, err
		}
		wanted = func(e store.Extent) bool { return ids[e.GUID.String()] }
	}
	before, err := wantedExtents(c, t, wanted)
	if err != nil {
		return nil, err
	}
	after := slices.Clone(before)
	r := newResult("OriginalExtentId:string", "ResultExtentId:string", "ResultExtentTags:string", "Details:string")
	for i := range after {
		after[i].Tags = edit(slices.Clone(before[i].Tags))
		if after[i].Tags == nil {
			after[i].Tags = []string{}
		}
		text, err := json.Marshal(after[i].Tags)
		if err != nil {
			return nil, fmt.Errorf("write tags: %w", err)
		}
		r.add(after[i].GUID.String(), after[i].GUID.String(), string(text), "")
	}
	return r, c.env.Store.SetExtentTags(c.ctx, d.Name, t.Name, before, after)
}

// moveExtents moves extents between tables of one database in one step.
func moveExtents(c *call) (*Result, error) {
	d, from, err := c.table("from")
	if err != nil {
		return nil, err
	}
	wanted := everyExtent
	if c.Has("extents") {
		ids := strings.ToLower(c.Text("extents"))
		wanted = func(e store.Extent) bool { return strings.Contains(ids, e.GUID.String()) }
	}
	extents, err := wantedExtents(c, from, wanted)
	if err != nil {
		return nil, err
	}
	if err := c.env.Store.MoveExtents(c.ctx, d.Name, from.Name, c.Text("table"), extents); err != nil {
		return nil, err
	}
	r := newResult("OriginalExtentId:string", "ResultExtentId:string", "Details:string")
	for _, e := range extents {
		r.add(e.GUID.String(), e.GUID.String(), "")
	}
	return r, nil
}
