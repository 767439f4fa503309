package command

import (
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/store"
)

func functionCommands() []definition {
	return []definition{
		{".create-or-alter function [ with <options:props> ] <function> <params:params> <body:body>",
			"make or replace a function", createOrAlterFunction},
		{".create function [ ifnotexists ] [ with <options:props> ] <function> <params:params> <body:body>",
			"make a function", createFunction},
		{".alter function [ with <options:props> ] <function> <params:params> <body:body>",
			"replace a function", alterFunction},
		{".alter function <function> docstring <text:string>", "describe a function", alterFunctionDocString},
		{".alter function <function> folder <text:string>", "put a function into a folder", alterFunctionFolder},
		{".drop function <function> [ ifexists ]", "remove a function", dropFunction},
		{".drop functions <functions:list> [ ifexists ]", "remove several functions", dropFunctions},
		{".show functions", "list the functions", showFunctions},
		{".show function <function>", "show a function", showFunction},
	}
}

func functionResult() *Result {
	return newResult("Name:string", "Parameters:string", "Body:string", "Folder:string", "DocString:string")
}

func (r *Result) addFunction(f *store.Function) {
	r.add(f.Name, f.Params, f.Body, f.Folder, f.DocString)
}

func createOrAlterFunction(c *call) (*Result, error) {
	return putFunction(c, func(*store.Function) (bool, error) { return true, nil })
}

func createFunction(c *call) (*Result, error) {
	return putFunction(c, func(old *store.Function) (bool, error) {
		if old == nil {
			return true, nil
		}
		if options := strings.ToLower(c.Statement); strings.Contains(options, "ifnotexists") ||
			strings.EqualFold(c.option("options", "ifnotexists"), "true") {
			return false, nil
		}
		return false, &store.ExistsError{Kind: "Function", Name: old.Name}
	})
}

func alterFunction(c *call) (*Result, error) {
	return putFunction(c, func(old *store.Function) (bool, error) {
		if old == nil {
			return false, &store.NotFoundError{Kind: "Function", Name: c.Text("function")}
		}
		return true, nil
	})
}

// putFunction stores the command's function when check, given the one that is there, says so. The body is checked by
// compiling a call, which needs values for parameters; functions with parameters are checked when they are called.
func putFunction(c *call, check func(old *store.Function) (bool, error)) (*Result, error) {
	r := functionResult()
	err := c.env.Store.ChangeDatabase(c.ctx, c.Database, func(d *store.Change) error {
		name := c.Text("function")
		old := d.Database.Functions[name]
		put, err := check(old)
		if err != nil {
			return err
		}
		if put {
			options := c.options["options"]
			f := &store.Function{Name: name, Params: c.Text("params"), Body: c.Text("body"), Folder: options["folder"],
				DocString: options["docstring"]}
			d.Database.Functions[name] = f
			old = f
		}
		r.addFunction(old)
		return nil
	})
	return r, err
}

func changeFunction(c *call, change func(*store.Function)) (*Result, error) {
	r := functionResult()
	err := c.env.Store.ChangeDatabase(c.ctx, c.Database, func(d *store.Change) error {
		f, ok := d.Database.Functions[c.Text("function")]
		if !ok {
			return &store.NotFoundError{Kind: "Function", Name: c.Text("function")}
		}
		change(f)
		r.addFunction(f)
		return nil
	})
	return r, err
}

func alterFunctionDocString(c *call) (*Result, error) {
	return changeFunction(c, func(f *store.Function) { f.DocString = c.Text("text") })
}

func alterFunctionFolder(c *call) (*Result, error) {
	return changeFunction(c, func(f *store.Function) { f.Folder = c.Text("text") })
}

func dropFunction(c *call) (*Result, error) {
	return removeFunctions(c, []string{c.Text("function")})
}

func dropFunctions(c *call) (*Result, error) {
	return removeFunctions(c, c.lists["functions"])
}

func removeFunctions(c *call, names []string) (*Result, error) {
	ifExists := strings.HasSuffix(strings.ToLower(strings.TrimRight(c.Statement, "; \t\r\n")), "ifexists")
	r := functionResult()
	err := c.env.Store.ChangeDatabase(c.ctx, c.Database, func(d *store.Change) error {
		for _, name := range names {
			if _, ok := d.Database.Functions[name]; !ok && !ifExists {
				return &store.NotFoundError{Kind: "Function", Name: name}
			}
			delete(d.Database.Functions, name)
		}
		for _, f := range d.Database.SortedFunctions() {
			r.addFunction(f)
		}
		return nil
	})
	return r, err
}

func showFunctions(c *call) (*Result, error) {
	d, err := c.env.Store.Catalog().Database(c.Database)
	if err != nil {
		return nil, err
	}
	r := functionResult()
	for _, f := range d.SortedFunctions() {
		r.addFunction(f)
	}
	return r, nil
}

func showFunction(c *call) (*Result, error) {
	d, err := c.env.Store.Catalog().Database(c.Database)
	if err != nil {
		return nil, err
	}
	f, ok := d.Functions[c.Text("function")]
	if !ok {
		return nil, &store.NotFoundError{Kind: "Function", Name: c.Text("function")}
	}
	r := functionResult()
	r.addFunction(f)
	return r, nil
}
