package contain

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

func TestAPanicIsTheErrorOfWhoWaitsForIt(t *testing.T) {
	boom := func() { panic("a fault") }
	var failed error
	fail := func(err error) { failed = err }
	for name, run := range map[string]func() error{
		"call": func() error { return Call("it", func() error { boom(); return nil }) },
		"group": func() error {
			g, ctx := WithContext(t.Context())
			g.Go("other", func() error { <-ctx.Done(); return nil })
			g.Go("it", func() error { boom(); return nil })
			return g.Wait()
		},
		"waiting": func() error {
			var w Waiting
			w.Go("it", boom, fail)
			w.Wait()
			return failed
		},
		"go": func() error {
			done := make(chan error)
			Go("it", boom, func(err error) { done <- err })
			return <-done
		},
		"again": func() error {
			ctx, cancel := context.WithCancel(t.Context())
			if err := Again(ctx, "it", func() error { boom(); return nil },
				func(err error) { fail(err); cancel() }); err != nil {
				return fmt.Errorf("the loop ended with %w", err)
			}
			return failed
		},
		"injected": func() error {
			defer Inject("it")()
			return Call("it", func() error { return nil })
		},
	} {
		failed = nil
		p, ok := errors.AsType[*Panic](run())
		if !ok || p.Name != "it" || !strings.Contains(p.Error(), "it panicked") ||
			!strings.Contains(p.Error(), "contain_test.go") {
			t.Errorf("%s: the error is %v", name, p)
		}
	}
}

// bare are the goroutines that may panic, each with the reason.
var bare = map[string]string{
	"libs/contain/contain.go":   "it is the one that contains",
	"libs/service/service.go":   "the service as a whole",
	"libs/rpc/server.go":        "the gRPC server, whose calls recover",
	"libs/telemetry/probes.go":  "the HTTP server, whose requests recover",
	"libs/pgserver/pgserver.go": "waits for a child process",
	"services/calypso":          "the parts of calypso up, each of which contains its own",
}

// TestEveryGoroutineIsContained looks for goroutines that nothing recovers in all that works for connectors.
func TestEveryGoroutineIsContained(t *testing.T) {
	const root = "../.."
	for _, dir := range []string{"libs", "services/capture", "services/sink", "services/admin", "services/calypso"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.Contains(path, "testenv") {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			for prefix := range bare {
				if strings.HasPrefix(filepath.ToSlash(name), prefix) {
					return nil
				}
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if what := uncontained(n); what != "" {
					t.Errorf("%s: %s can end the process: use libs/contain", files.Position(n.Pos()), what)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// uncontained names what starts a goroutine otherwise: the statement, or Go of an errgroup.Group or
// a sync.WaitGroup, which takes a function only. Timers are left alone whose function is a value,
// such as a context's cancel.
func uncontained(n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "a go statement"
	case *ast.CallExpr:
		s, ok := n.Fun.(*ast.SelectorExpr)
		if !ok {
			return ""
		}
		if s.Sel.Name == "Go" && len(n.Args) == 1 {
			return "a goroutine of a group"
		}
		if s.Sel.Name == "AfterFunc" && len(n.Args) == 2 {
			if f, ok := n.Args[1].(*ast.FuncLit); ok && !contained(f) {
				return "the function of a timer"
			}
		}
	}
	return ""
}

// contained reports whether a function does nothing but call this package, or start another timer.
func contained(f *ast.FuncLit) bool {
	if len(f.Body.List) != 1 {
		return false
	}
	statement, ok := f.Body.List[0].(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := statement.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	of, ok := s.X.(*ast.Ident)
	return ok && (of.Name == "contain" || s.Sel.Name == "AfterFunc")
}
