// Package walls measures how the code of this repository is divided into rooms: which files of a
// package know each other in a circle, how many methods a type has and how many fields a struct,
// which functions are two that a boolean parameter chooses between, and which structs embed an owner.
// Its test holds the limits.
//
// It reads syntax alone, so that it is fast and needs nothing built. A file that uses a name which
// another file of the same package declares has an edge to it: package-level names, and unexported
// methods that only one file declares. Methods of equal names in several files, and exported ones, which
// may be those of another package, are not followed: a knot is at least as large as is said here.
package walls

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Package is one package's directory as it was measured. Tests, and files that are generated, are left out.
type Package struct {
	// Dir is the directory below the repository's root, with slashes.
	Dir string
	// Knot names the files of the largest circle of files that use each other's names, sorted.
	Knot []string
	// Methods counts the methods of each named type.
	Methods map[string]int
	// Fields counts the fields of each named struct, an embedded one as one.
	Fields map[string]int
	// Two names the functions whose body is divided by a boolean parameter.
	Two []string
	// Imports names the paths that the package imports, each with one of the files that do.
	Imports map[string]string
	// Embeds are the embedded fields of the structs.
	Embeds []Embed
	// Owners names the structs that own something: they hold a lock, a channel, a function or a
	// pointer, or their methods change their fields.
	Owners map[string]bool
}

// Embed is a field of a struct that is embedded.
type Embed struct {
	// Struct has the field.
	Struct string
	// Package is the import path of the field's type, empty for one of the same package; Type is its name.
	Package, Type string
	// Pointer says that the field is a pointer, so that what it points to has another owner too.
	Pointer bool
}

// Measure reads every package of Go in the directories named, below root. It returns an error where a
// file cannot be parsed.
func Measure(root string, directories ...string) ([]Package, error) {
	var rooms []Package
	for _, directory := range directories {
		err := filepath.WalkDir(filepath.Join(root, directory), func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if d.Name() == "testdata" || d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			room, err := measure(root, path)
			if err == nil && room.Methods != nil {
				rooms = append(rooms, room)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return rooms, nil
}

// measure reads one directory. The room of a directory without code has no maps.
func measure(root, dir string) (Package, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return Package{}, err
	}
	files := map[string]*ast.File{}
	for _, name := range paths {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return Package{}, err
		}
		if !ast.IsGenerated(file) {
			files[filepath.Base(name)] = file
		}
	}
	if len(files) == 0 {
		return Package{}, nil
	}
	below, err := filepath.Rel(root, dir)
	if err != nil {
		return Package{}, err
	}
	room := Package{Dir: filepath.ToSlash(below), Methods: map[string]int{}, Fields: map[string]int{},
		Imports: map[string]string{}, Owners: map[string]bool{}}
	for name, file := range files {
		imported := importsOf(file)
		for _, of := range imported {
			room.Imports[of] = name
		}
		for _, declared := range file.Decls {
			room.count(declared)
			room.own(declared, imported)
		}
	}
	room.Knot = largestCircle(uses(files))
	return room, nil
}

func (r *Package) count(declared ast.Decl) {
	switch declared := declared.(type) {
	case *ast.FuncDecl:
		if declared.Recv != nil {
			r.Methods[receiver(declared.Recv.List[0].Type)]++
		}
		if isTwo(declared) {
			r.Two = append(r.Two, declared.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range declared.Specs {
			named, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			if of, ok := named.Type.(*ast.StructType); ok {
				for _, field := range of.Fields.List {
					r.Fields[named.Name.Name] += max(1, len(field.Names))
				}
			}
		}
	}
}

// isTwo reports whether a boolean parameter chooses between two bodies of a function: it is all that
// a condition asks which has an else, or after which more than an answer follows and the function
// ends.
func isTwo(f *ast.FuncDecl) bool {
	flags := map[string]bool{}
	for _, p := range f.Type.Params.List {
		if of, ok := p.Type.(*ast.Ident); ok && of.Name == "bool" {
			for _, name := range p.Names {
				flags[name.Name] = true
			}
		}
	}
	if len(flags) == 0 || f.Body == nil {
		return false
	}
	return slices.ContainsFunc(f.Body.List, func(s ast.Stmt) bool {
		choice, ok := s.(*ast.IfStmt)
		if !ok {
			return false
		}
		asked := choice.Cond
		if not, ok := asked.(*ast.UnaryExpr); ok {
			asked = not.X
		}
		flag, ok := asked.(*ast.Ident)
		if !ok || !flags[flag.Name] {
			return false
		}
		own := choice.Body.List
		_, ends := own[len(own)-1].(*ast.ReturnStmt)
		return choice.Else != nil || ends && len(own) > 1
	})
}

// importsOf are the paths that a file imports, by the names that it has for them.
func importsOf(file *ast.File) map[string]string {
	paths := map[string]string{}
	for _, imported := range file.Imports {
		of := strings.Trim(imported.Path.Value, `"`)
		name := path.Base(of)
		if imported.Name != nil {
			name = imported.Name.Name
		}
		paths[name] = of
	}
	return paths
}

// own notes what a declaration embeds and owns.
func (r *Package) own(declared ast.Decl, imported map[string]string) {
	switch declared := declared.(type) {
	case *ast.FuncDecl:
		if changesItsReceiver(declared) {
			r.Owners[receiver(declared.Recv.List[0].Type)] = true
		}
	case *ast.GenDecl:
		for _, spec := range declared.Specs {
			named, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			of, ok := named.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, field := range of.Fields.List {
				if isHeld(field.Type) {
					r.Owners[named.Name.Name] = true
				}
				if len(field.Names) == 0 {
					r.Embeds = append(r.Embeds, embedded(named.Name.Name, field.Type, imported))
				}
			}
		}
	}
}

// isHeld reports whether a field of a type makes its struct an owner.
func isHeld(t ast.Expr) bool {
	switch t := t.(type) {
	case *ast.StarExpr:
		to, ok := t.X.(*ast.Ident)
		return !ok || to.Name != "string" // which is a string that may be left out
	case *ast.ChanType, *ast.FuncType:
		return true
	case *ast.SelectorExpr:
		of, ok := t.X.(*ast.Ident)
		return ok && (of.Name == "sync" || of.Name == "atomic")
	}
	return false
}

func embedded(in string, t ast.Expr, imported map[string]string) Embed {
	e := Embed{Struct: in}
	for {
		switch of := t.(type) {
		case *ast.StarExpr:
			e.Pointer, t = true, of.X
			continue
		case *ast.IndexExpr:
			t = of.X
			continue
		case *ast.IndexListExpr:
			t = of.X
			continue
		case *ast.SelectorExpr:
			name := of.X.(*ast.Ident).Name
			e.Package, e.Type = cmp.Or(imported[name], name), of.Sel.Name
		case *ast.Ident:
			e.Type = of.Name
		}
		return e
	}
}

// changesItsReceiver reports whether a method assigns to a field of its receiver.
func changesItsReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil || len(f.Recv.List[0].Names) == 0 || f.Body == nil {
		return false
	}
	self := f.Recv.List[0].Names[0].Name
	isOwn := func(e ast.Expr) bool {
		for {
			switch of := e.(type) {
			case *ast.SelectorExpr:
				e = of.X
			case *ast.IndexExpr:
				e = of.X
			case *ast.StarExpr:
				e = of.X
			case *ast.Ident:
				return of.Name == self
			default:
				return false
			}
		}
	}
	changes := false
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			changes = changes || n.Tok != token.DEFINE && slices.ContainsFunc(n.Lhs, isOwn)
		case *ast.IncDecStmt:
			changes = changes || isOwn(n.X)
		}
		return !changes
	})
	return changes
}

// receiver is the name of a method's type, without its star and its parameters.
func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// uses gives for each file the files whose names it uses.
func uses(files map[string]*ast.File) map[string]map[string]bool {
	names := map[string]string{}
	methods := map[string][]string{}
	fields := map[string]bool{}
	for file, tree := range files {
		for _, declared := range tree.Decls {
			switch declared := declared.(type) {
			case *ast.FuncDecl:
				if declared.Recv == nil {
					names[declared.Name.Name] = file
				} else {
					methods[declared.Name.Name] = append(methods[declared.Name.Name], file)
				}
			case *ast.GenDecl:
				for _, spec := range declared.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						names[spec.Name.Name] = file
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							names[name.Name] = file
						}
					}
				}
			}
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if of, ok := n.(*ast.StructType); ok {
				for _, field := range of.Fields.List {
					for _, name := range field.Names {
						fields[name.Name] = true
					}
				}
			}
			return true
		})
	}
	graph := map[string]map[string]bool{}
	for file, tree := range files {
		used := map[string]bool{}
		for _, name := range tree.Unresolved {
			used[names[name.Name]] = true
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			selected, ok := n.(*ast.SelectorExpr)
			if !ok || ast.IsExported(selected.Sel.Name) || fields[selected.Sel.Name] {
				return true
			}
			in := slices.Compact(slices.Sorted(slices.Values(methods[selected.Sel.Name])))
			if len(in) == 1 {
				used[in[0]] = true
			}
			return true
		})
		delete(used, "")
		delete(used, file)
		graph[file] = used
	}
	return graph
}

// largestCircle is the largest set of more than one node each of which reaches all the others
// (Tarjan's components), sorted.
func largestCircle(graph map[string]map[string]bool) []string {
	var largest, path []string
	seen, lowest, onPath := map[string]int{}, map[string]int{}, map[string]bool{}
	var visit func(string)
	visit = func(node string) {
		seen[node] = len(seen) + 1
		lowest[node] = seen[node]
		path, onPath[node] = append(path, node), true
		for next := range graph[node] {
			if seen[next] == 0 {
				visit(next)
				lowest[node] = min(lowest[node], lowest[next])
			} else if onPath[next] {
				lowest[node] = min(lowest[node], seen[next])
			}
		}
		if lowest[node] != seen[node] {
			return
		}
		from := slices.Index(path, node)
		circle := slices.Clone(path[from:])
		for _, of := range circle {
			onPath[of] = false
		}
		path = path[:from]
		if len(circle) > max(1, len(largest)) {
			slices.Sort(circle)
			largest = circle
		}
	}
	for _, node := range slices.Sorted(maps.Keys(graph)) {
		if seen[node] == 0 {
			visit(node)
		}
	}
	return largest
}
