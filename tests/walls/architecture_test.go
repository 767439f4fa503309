package walls

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// outside are names in docs/architecture.md that the code does not declare.
var outside = []string{"/v1", ".calypso", "COPY", "confirmed_flush_lsn"}

var (
	quoted     = regexp.MustCompile("`([^`\n]+)`")
	makeTarget = regexp.MustCompile(`(?m)^([a-z-]+):`)
	service    = regexp.MustCompile(`(?m)^service (\w+)`)
)

// Whatever docs/architecture.md names in backticks exists: a file or directory, from the root or by the end of its path, a
// declaration, with or without its package, or a target of make.
func TestWhatTheArchitecturePageNamesExists(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := declared(t)
	for _, m := range quoted.FindAllStringSubmatch(string(page), -1) {
		if !slices.Contains(outside, m[1]) && !known.has(m[1]) {
			t.Errorf("docs/architecture.md names %s, which is no file, package, declaration or target of make", m[1])
		}
	}
}

// A doc.go that points to another package by its path, as (internal/start) does, points to one that is there.
func TestThePackagesThatAPackageCommentNamesExist(t *testing.T) {
	internal := regexp.MustCompile(`\binternal/[a-z]+\b`)
	for _, file := range declared(t).files {
		if path.Base(file) != "doc.go" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range internal.FindAllString(string(text), -1) {
			if _, err := os.Stat(filepath.Join(root, path.Dir(file), name)); err != nil {
				t.Errorf("%s names %s, which is not there", file, name)
			}
		}
	}
}

// The comment of a package of several files stands in doc.go, where it is looked for first.
func TestPackagesOfSeveralFilesSayInDocGoWhatTheyAre(t *testing.T) {
	type room struct{ files, documented int }
	rooms := map[string]*room{}
	for _, file := range declared(t).files {
		top, _, _ := strings.Cut(file, "/")
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") ||
			!slices.Contains([]string{"libs", "services", "tests", "examples"}, top) {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil,
			parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		of := rooms[path.Dir(file)]
		if of == nil {
			of = new(room)
			rooms[path.Dir(file)] = of
		}
		of.files++
		switch {
		case path.Base(file) == "doc.go":
			of.documented++
		case parsed.Doc != nil && of.files > 1:
			t.Errorf("%s has the comment of its package, which is of several files: doc.go is its place", file)
		}
	}
	for dir, of := range rooms {
		if of.files > 1 && of.documented == 0 {
			t.Errorf("%s has several files and no doc.go", dir)
		}
	}
}

// names are what the repository has.
type names struct {
	// files are paths of files and directories, from the root.
	files []string
	// declarations are Name, package.Name, Type.Method and package.Type.Method.
	declarations map[string]bool
	targets      []string
}

func (n names) has(name string) bool {
	if target, ok := strings.CutPrefix(name, "make "); ok {
		return slices.Contains(n.targets, target)
	}
	if n.declarations[strings.TrimSuffix(name, "()")] {
		return true
	}
	return slices.ContainsFunc(n.files, func(file string) bool {
		for {
			if ok, _ := path.Match(name, file); ok {
				return true
			}
			_, rest, more := strings.Cut(file, "/")
			if !more {
				return false
			}
			file = rest
		}
	})
}

// declared reads the repository's files, declarations, services and targets of make.
func declared(t *testing.T) names {
	t.Helper()
	n := names{declarations: map[string]bool{}}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, file)
		if err != nil || relative == "." {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"node_modules", "third_party", "bin"}, d.Name())) {
			return fs.SkipDir
		}
		n.files = append(n.files, filepath.ToSlash(relative))
		switch {
		case strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go"):
			return n.declare(file)
		case strings.HasSuffix(file, ".proto"):
			return n.declareServices(file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range makeTarget.FindAllStringSubmatch(string(makefile), -1) {
		n.targets = append(n.targets, m[1])
	}
	return n
}

func (n names) declareServices(file string) error {
	contract, err := os.ReadFile(file)
	for _, m := range service.FindAllSubmatch(contract, -1) {
		n.declarations[string(m[1])] = true
	}
	return err
}

func (n names) declare(file string) error {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	add := func(name string) {
		n.declarations[name] = true
		n.declarations[parsed.Name.Name+"."+name] = true
	}
	for _, d := range parsed.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil {
				add(receiver(d.Recv.List[0].Type) + "." + d.Name.Name)
			} else {
				add(d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, ok := s.(*ast.TypeSpec); ok {
					add(s.Name.Name)
				}
			}
		}
	}
	return nil
}
