package engine_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/engine"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// What the engine has reached on the recorded answers of the real Kusto engine. Raise the floor
// when it gets better; what is not right is refused, and nothing may be wrong.
const (
	passedFloor  = 668
	wrongCeiling = 0
)

// oracleCase is a query with the answer of the real engine (or, for hand cases, of a person).
type oracleCase struct {
	ID      string   `json:"id"`
	Oracle  string   `json:"oracle"`
	Query   string   `json:"query"`
	Columns []string `json:"columns"`
	Types   []string `json:"types"`
	Rows    json.RawMessage
	Ordered bool
	Nondet  bool `json:"nondeterministic"`
}

// sharedFolder is where the recorded answers lie: CALYPSO_SHARED, or the sibling "shared" of the repository.
func sharedFolder(t *testing.T) string {
	dir := os.Getenv("CALYPSO_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(dir, "kql", "cases.jsonl")); err != nil {
		t.Skipf("no recorded answers in %s; set CALYPSO_SHARED", dir)
	}
	return filepath.Join(dir, "kql")
}

func TestOracleAnswersAreReproduced(t *testing.T) {
	dir := sharedFolder(t)
	h := newHarness(t)
	h.loadFixtures(t, filepath.Join(dir, "fixtures.json"))
	f, err := os.Open(filepath.Join(dir, "cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	type tally struct{ passed, refused, wrong int }
	counts := map[string]*tally{}
	var wrong, refused []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	only := os.Getenv("KQL_CASE")
	for lines.Scan() {
		var c oracleCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if only != "" && !strings.Contains(c.ID, only) {
			continue
		}
		if counts[c.Oracle] == nil {
			counts[c.Oracle] = &tally{}
		}
		err := h.check(c)
		var refusal *syntax.Error
		switch {
		case err == nil:
			counts[c.Oracle].passed++
		case errors.As(err, &refusal):
			counts[c.Oracle].refused++
			refused = append(refused, fmt.Sprintf("%s: %v", c.ID, err))
		default:
			counts[c.Oracle].wrong++
			wrong = append(wrong, fmt.Sprintf("%s: %v", c.ID, err))
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if testing.Verbose() {
		for _, r := range refused {
			fmt.Println("refused", r)
		}
		for _, w := range wrong {
			fmt.Println("wrong  ", w)
		}
	}
	for oracle, n := range counts {
		fmt.Printf("%-15s passed %d, refused %d, wrong %d\n", oracle, n.passed, n.refused, n.wrong)
	}
	if only != "" {
		return
	}
	if hand := counts["hand"]; hand.refused+hand.wrong > 0 {
		t.Errorf("%d of the hand-written cases fail", hand.refused+hand.wrong)
	}
	emulator := counts["kusto-emulator"]
	if emulator.passed < passedFloor {
		t.Errorf("%d cases pass, fewer than the %d recorded", emulator.passed, passedFloor)
	}
	if emulator.wrong > wrongCeiling {
		t.Errorf("%d cases are wrong, more than the %d recorded", emulator.wrong, wrongCeiling)
	}
}

// harness is an in-memory database with a catalog.
type harness struct {
	db      *sql.DB
	engine  *engine.Engine
	catalog *memoryCatalog
	memory  *engine.Memory
}

func newHarness(t testing.TB) *harness { return newHarnessWithin(t, 0) }

// newHarnessWithin bounds what Go functions take, in bytes.
func newHarnessWithin(t testing.TB, memory int64) *harness {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	bound := engine.NewMemory(memory)
	if err := engine.Register(conn, bound); err != nil {
		t.Fatal(err)
	}
	return &harness{db: db, memory: bound, engine: engine.New(db, engine.Limits{}),
		catalog: &memoryCatalog{tables: map[string]kql.Table{}, functions: map[string]kql.Function{}}}
}

// memoryCatalog is a catalog of one database.
type memoryCatalog struct {
	tables    map[string]kql.Table
	functions map[string]kql.Function
}

func (c *memoryCatalog) Table(_, name string) (kql.Table, bool) {
	t, ok := c.tables[name]
	return t, ok
}
func (c *memoryCatalog) Function(_, name string) (kql.Function, bool) {
	f, ok := c.functions[name]
	return f, ok
}
func (c *memoryCatalog) Tables(string) []kql.Table {
	var out []kql.Table
	for _, t := range c.tables {
		out = append(out, t)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// query compiles and runs a query and returns its columns and rows as the wire carries them.
func (h *harness) query(query string) (cols []kql.Column, rows [][]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	ctx := context.Background()
	plan, err := kql.Compile(query, kql.Options{Database: "NetDefaultDB", Catalog: h.catalog,
		Probe: func(p *kql.Plan) ([][]any, error) { return h.engine.All(ctx, p) }})
	if err != nil {
		return nil, nil, err
	}
	result, err := h.engine.Query(ctx, plan)
	if err != nil {
		return nil, nil, err
	}
	defer result.Close()
	for result.Next() {
		b := []byte{'['}
		for i, v := range result.Values() {
			if i > 0 {
				b = append(b, ',')
			}
			b = value.AppendJSON(b, plan.Columns[i].Type, v)
		}
		b = append(b, ']')
		var row []any
		if err := json.Unmarshal(b, &row); err != nil {
			return nil, nil, fmt.Errorf("row %s: %w", b, err)
		}
		rows = append(rows, row)
	}
	return plan.Columns, rows, result.Err()
}

// check compares the answer to a case.
func (h *harness) check(c oracleCase) error {
	cols, rows, err := h.query(c.Query)
	if err != nil {
		return err
	}
	for i, name := range c.Columns {
		if i >= len(cols) || cols[i].Name != name || i < len(c.Types) && cols[i].Type.String() != c.Types[i] {
			return fmt.Errorf("columns %v, want %v %v", cols, c.Columns, c.Types)
		}
	}
	if c.Columns != nil && len(cols) != len(c.Columns) {
		return fmt.Errorf("columns %v, want %v", cols, c.Columns)
	}
	var count int
	if json.Unmarshal(c.Rows, &count) == nil {
		if len(rows) != count {
			return fmt.Errorf("%d rows, want %d", len(rows), count)
		}
		return nil
	}
	var want [][]any
	if err := json.Unmarshal(c.Rows, &want); err != nil {
		return err
	}
	if c.Nondet {
		return nil
	}
	return compareRows(cols, rows, want, c.Ordered)
}

func compareRows(cols []kql.Column, got, want [][]any, ordered bool) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d rows, want %d: %s", len(got), len(want), preview(got))
	}
	used := make([]bool, len(want))
	for i, row := range got {
		if ordered {
			if !equalRow(cols, row, want[i]) {
				return fmt.Errorf("row %d: %s, want %s", i, preview(row), preview(want[i]))
			}
			continue
		}
		found := false
		for j := range want {
			if !used[j] && equalRow(cols, row, want[j]) {
				used[j], found = true, true
				break
			}
		}
		if !found {
			return fmt.Errorf("row %s, want one of %s", preview(row), preview(want))
		}
	}
	return nil
}

func preview(v any) string {
	b, _ := json.Marshal(v)
	if len(b) > 400 {
		b = append(b[:400], "…"...)
	}
	return string(b)
}

func equalRow(cols []kql.Column, got, want []any) bool {
	for i := range want {
		w := want[i]
		if s, ok := w.(string); ok && cols[i].Type == value.Dynamic {
			if _, isString := got[i].(string); !isString {
				var decoded any
				if json.Unmarshal([]byte(s), &decoded) == nil {
					w = decoded
				}
			}
		}
		if !equalValue(got[i], w) {
			return false
		}
	}
	return true
}

func equalValue(got, want any) bool {
	switch w := want.(type) {
	case float64:
		g, ok := got.(float64)
		return ok && (g == w || math.Abs(g-w) <= 1e-9*math.Max(math.Abs(g), math.Abs(w)))
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !equalValue(g[i], w[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k := range w {
			if v, ok := g[k]; !ok || !equalValue(v, w[k]) {
				return false
			}
		}
		return true
	}
	return got == want
}

// loadFixtures creates the tables of the hand-written cases.
func (h *harness) loadFixtures(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var fixtures map[string]struct {
		Schema string
		Rows   [][]any
	}
	if err := json.Unmarshal(text, &fixtures); err != nil {
		t.Fatal(err)
	}
	for name, fixture := range fixtures {
		table := kql.Table{Name: name, Physical: `"` + name + `"`}
		var defs []string
		for _, field := range strings.Split(strings.Trim(fixture.Schema, "()"), ",") {
			column, typeName, _ := strings.Cut(field, ":")
			typ, ok := value.ParseType(typeName)
			if !ok {
				t.Fatalf("type %q", typeName)
			}
			table.Columns = append(table.Columns, kql.Column{Name: column, Type: typ})
			defs = append(defs, `"`+column+`" `+typ.Physical())
		}
		if _, err := h.db.Exec(`CREATE TABLE ` + table.Physical + ` (` + strings.Join(defs, ", ") + `)`); err != nil {
			t.Fatal(err)
		}
		for _, row := range fixture.Rows {
			marks := make([]string, len(row))
			for i, v := range row {
				marks[i] = "?"
				if text, ok := v.(string); ok && table.Columns[i].Type == value.Datetime {
					ticks, ok := value.ParseDatetime(text)
					if !ok {
						t.Fatalf("datetime %q", text)
					}
					row[i] = ticks
				}
			}
			if _, err := h.db.Exec(`INSERT INTO `+table.Physical+` VALUES (`+strings.Join(marks, ",")+`)`, row...); err != nil {
				t.Fatal(err)
			}
		}
		h.catalog.tables[name] = table
	}
}
