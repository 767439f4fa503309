package capture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/contain"
)

// goroutines are those of a running capture, in which a panic ends its task.
var goroutines = []string{
	"session of a capture", "reader of a snapshot", "end of a snapshot", "holder of an exported snapshot",
	"deliverer of a snapshot",
	"reader of the stream", "deliverer of the stream", "heartbeat", "incremental snapshot", "signal topic",
	"writer of statuses",
	"watch of the server", "watch of the signal table", "watch of statements", "opening of the producer", "commands",
}

// aside are those whose panic leaves the task alone.
var aside = []string{"question for a slot", "question for the position of a capture that does not run", "watch of idle captures", "watch of all idle captures",
	"gauges of captures", "notice", "end of the stream", "command"}

func TestAPanicInAnyGoroutineOfACaptureFailsItsTaskAndLosesNothing(t *testing.T) {
	for _, name := range goroutines {
		t.Run(name, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 50)")
			config := s.config("c"+s.db, map[string]string{"heartbeat.interval.ms": "1000", "slot.max.retries": "60",
				"slot.retry.delay.ms": "200"})
			end := contain.Inject(name)
			defer end()
			err := start(t, config).failure(t)
			if !strings.Contains(err.Error(), name+" panicked") || !strings.Contains(err.Error(), ".go:") {
				t.Errorf("the failure is %v, want the panic with its stack", err)
			}
			end()
			start(t, config)
			s.awaitSlot(t)
			s.exec(t, "INSERT INTO a VALUES (51)")
			await(t, s.db+".public.a", 51)
		})
	}
}

func TestEveryGoroutineOfACaptureIsTestedWithAPanic(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && path == filepath.Join("internal", "poll") {
			return filepath.SkipDir // no capture
		}
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			s, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Go", "Call", "Run", "Again"}, s.Sel.Name) {
				return true
			}
			if l, ok := call.Args[0].(*ast.BasicLit); ok && l.Kind == token.STRING {
				if name := strings.Trim(l.Value, `"`); !slices.Contains(goroutines, name) && !slices.Contains(aside, name) {
					t.Errorf("%s starts %q, which no test makes panic", path, name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
