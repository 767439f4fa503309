package command

import (
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/store"
)

func functionCommands() []definition {
	return []definition{
		{".create-or-alter function [ with <options:props> ] <function> <params:params> <body:body>", "make or replace a function", (*Executor).createOrAlterFunction},
		{".create function [ ifnotexists ] [ with <options:props> ] <function> <params:params> <body:body>", "make a function", (*Executor).createFunction},
		{".alter function [ with <options:props> ] <function> <params:params> <body:body>", "replace a function", (*Executor).alterFunction},
		{".alter function <function> docstring <text:string>", "describe a function", (*Executor).alterFunctionDocString},
		{".alter function <function> folder <text:string>", "put a function into a folder", (*Executor).alterFunctionFolder},
		{".drop function <function> [ ifexists ]", "remove a function", (*Executor).dropFunction},
		{".drop functions <functions:list> [ ifexists ]", "remove several functions", (*Executor).dropFunctions},
		{".show functions", "list the functions", (*Executor).showFunctions},
		{".show function <function>", "show a function", (*Executor).showFunction},
	}
}

func functionResult() *Result {
	return newResult("Name:string", "Parameters:string", "Body:string", "Folder:string", "DocString:string")
}

func (r *Result) addFunction(f *store.Function) {
	r.add(f.Name, f.Params, f.Body, f.Folder, f.DocString)
}

func (x *Executor) createOrAlterFunction(c *call) (*Result, error) {
	return x.putFunction(c, func(*store.Function) (bool, error) { return true, nil })
}

func (x *Executor) createFunction(c *call) (*Result, error) {
	return x.putFunction(c, func(old *store.Function) (bool, error) {
		if old == nil {
			return true, nil
		}
		if options := strings.ToLower(c.Statement); strings.Contains(options, "ifnotexists") || strings.EqualFold(c.option("options", "ifnotexists"), "true") {
			return false, nil
		}
		return false, &store.ExistsError{Kind: "Function", Name: old.Name}
	})
}

func (x *Executor) alterFunction(c *call) (*Result, error) {
	return x.putFunction(c, func(old *store.Function) (bool, error) {
		if old == nil {
			return false, &store.NotFoundError{Kind: "Function", Name: c.Text("function")}
		}
		return true, nil
	})
}

// putFunction stores the command's function when check, given the one that is there, says so. The body is checked by
// compiling a call, which needs values for parameters; functions with parameters are checked when they are called.
func (x *Executor) putFunction(c *call, check func(old *store.Function) (bool, error)) (*Result, error) {
	r := functionResult()
	err := x.Store.ChangeDatabase(c.ctx, c.Database, func(d *store.Change) error {
		name := c.Text("function")
		old := d.Functions[name]
		put, err := check(old)
		if err != nil {
			return err
		}
		if put {
			options := c.options["options"]
			f := &store.Function{Name: name, Params: c.Text("params"), Body: c.Text("body"), Folder: options["folder"], DocString: options["docstring"]}
			d.Functions[name] = f
			old = f
		}
		r.addFunction(old)
		return nil
	})
	return r, err
}

func (x *Executor) changeFunction(c *call, change func(*store.Function)) (*Result, error) {
	r := functionResult()
	err := x.Store.ChangeDatabase(c.ctx, c.Database, func(d *store.Change) error {
		f, ok := d.Functions[c.Text("function")]
		if !ok {
			return &store.NotFoundError{Kind: "Function", Name: c.Text("function")}
		}
		change(f)
		r.addFunction(f)
		return nil
	})
	return r, err
}

func (x *Executor) alterFunctionDocString(c *call) (*Result, error) {
	return x.changeFunction(c, func(f *store.Function) { f.DocString = c.Text("text") })
}

func (x *Executor) alterFunctionFolder(c *call) (*Result, error) {
	return x.changeFunction(c, func(f *store.Function) { f.Folder = c.Text("text") })
}

func (x *Executor) dropFunction(c *call) (*Result, error) {
	return x.removeFunctions(c, []string{c.Text("function")})
}

func (x *Executor) dropFunctions(c *call) (*Result, error) {
	return x.removeFunctions(c, c.lists["functions"])
}

func (x *Executor) removeFunctions(c *call, names []string) (*Result, error) {
	ifExists := strings.HasSuffix(strings.ToLower(strings.TrimRight(c.Statement, "; \t\r\n")), "ifexists")
	r := functionResult()
	err := x.Store.ChangeDatabase(c.ctx, c.Database, func(d *store.Change) error {
		for _, name := range names {
			if _, ok := d.Functions[name]; !ok && !ifExists {
				return &store.NotFoundError{Kind: "Function", Name: name}
			}
			delete(d.Functions, name)
		}
		for _, f := range d.SortedFunctions() {
			r.addFunction(f)
		}
		return nil
	})
	return r, err
}

func (x *Executor) showFunctions(c *call) (*Result, error) {
	d, err := x.Store.Catalog().Database(c.Database)
	if err != nil {
		return nil, err
	}
	r := functionResult()
	for _, f := range d.SortedFunctions() {
		r.addFunction(f)
	}
	return r, nil
}

func (x *Executor) showFunction(c *call) (*Result, error) {
	d, err := x.Store.Catalog().Database(c.Database)
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
