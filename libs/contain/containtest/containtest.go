// Package containtest finds, for tests, the goroutines that a program starts by libs/contain: a test
// that makes each of them panic fails once there is one that it does not know.
package containtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// starters are the functions of libs/contain that are given the name of what they run.
var starters = []string{"Go", "Call", "Run", "Again"}

// Code is what starts goroutines.
type Code struct {
	// Dirs are directories with all that is below them.
	Dirs []string
	// Wrappers are further functions that are given a name and a function to run with it.
	Wrappers []string
}

// Known fails the test for each goroutine that the code starts and whose name is not among the known
// ones, and for each known one that nothing starts. Of a name that the code completes, as
// "look at "+topic, the constant part counts.
func (c Code) Known(t *testing.T, known ...string) {
	t.Helper()
	found := map[string]bool{}
	look := func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			name := started(n, slices.Concat(starters, c.Wrappers))
			if name == "" {
				return true
			}
			found[name] = true
			if !slices.Contains(known, name) {
				t.Errorf("%s starts %q, which no test makes panic", path, name)
			}
			return true
		})
		return nil
	}
	for _, dir := range c.Dirs {
		if err := filepath.WalkDir(dir, look); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range known {
		if !found[name] {
			t.Errorf("nothing starts %q", name)
		}
	}
}

// started is the name of the goroutine, or of the guarded function, that a call starts, or "".
func started(n ast.Node, by []string) string {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) < 2 {
		return ""
	}
	var function string
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		function = f.Sel.Name
	case *ast.Ident:
		function = f.Name
	}
	if !slices.Contains(by, function) {
		return ""
	}
	for _, argument := range call.Args[:2] { // Again has a context first
		if sum, ok := argument.(*ast.BinaryExpr); ok {
			argument = sum.X
		}
		if l, ok := argument.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if name, err := strconv.Unquote(l.Value); err == nil {
				return name
			}
		}
	}
	return ""
}
