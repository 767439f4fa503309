package engine_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

var (
	randomSeed = flag.Uint64("kql-seed", 1, "the seed of random queries; 0 takes one of the clock")
	randomFor  = flag.Duration("kql-for", 0, "how long random queries are run; 0 for some hundreds of them")
)

// randomTable is a table of the plain interpreter.
type randomTable struct {
	cols []randomColumn
	rows [][]any
}

func (t *randomTable) row(i int) randomRow { return randomRow{t.cols, t.rows[i]} }

// stage is an operator: its text and what it makes of a table.
type stage struct {
	exprs []*scalarExpr
	text  func(args []string) string
	apply func(t, u *randomTable, e []*scalarExpr) *randomTable
}

func (s stage) String() string {
	args := make([]string, len(s.exprs))
	for i, e := range s.exprs {
		args[i] = e.String()
	}
	return s.text(args)
}

// randomCase is a query over two tables, T and U.
type randomCase struct {
	t, u   *randomTable
	stages []stage
}

func (c randomCase) query() string {
	text := "let T = " + c.t.datatable() + ";\nlet U = " + c.u.datatable() + ";\nT"
	for _, s := range c.stages {
		text += "\n| " + s.String()
	}
	return text
}

func (t *randomTable) datatable() string {
	var defs, cells []string
	for _, c := range t.cols {
		defs = append(defs, c.name+":"+c.t.String())
	}
	for _, row := range t.rows {
		for i, v := range row {
			cells = append(cells, literal(t.cols[i].t, v))
		}
	}
	return "datatable(" + strings.Join(defs, ", ") + ")[" + strings.Join(cells, ", ") + "]"
}

// answer is what the documentation says that the query gives; why is set where it leaves that open.
func (c randomCase) answer() (t *randomTable, why string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case undecided:
			t, why = nil, r.why
		case dangling:
			t, why = nil, "a column that is gone: "+r.column
		default:
			panic(r)
		}
	}()
	t = c.t
	for _, s := range c.stages {
		t = s.apply(t, c.u, s.exprs)
		if len(t.rows) > 400 {
			return nil, "too many rows"
		}
	}
	return t, ""
}

// differs runs the case and tells how the engine's answer differs; decided is false where there is nothing to compare.
func (c randomCase) differs(h *harness) (difference string, decided bool) {
	want, why := c.answer()
	if why != "" {
		return "", false
	}
	cols, rows, err := h.query(c.query())
	var refused *syntax.Error
	switch {
	case errors.As(err, &refused):
		return "refused: " + refused.Error(), true
	case err != nil && (strings.Contains(err.Error(), "Out of Range") || strings.Contains(err.Error(), "out of range")):
		return "", false // more than 64 bits on the way
	case err != nil:
		return err.Error(), true
	}
	if len(cols) != len(want.cols) {
		return fmt.Sprintf("columns %v, want %v", cols, want.cols), true
	}
	expected := make([][]any, len(want.rows))
	for i, row := range want.rows {
		expected[i] = make([]any, len(row))
		for j, v := range row {
			if cols[j].Name != want.cols[j].name {
				return fmt.Sprintf("columns %v, want %v", cols, want.cols), true
			}
			expected[i][j] = wire(want.cols[j].t, v)
		}
	}
	for j, c := range want.cols {
		if c.loose {
			for _, list := range [][][]any{rows, expected} {
				for i := range list {
					sortLoose(list[i][j])
				}
			}
		}
	}
	if err := compareRows(cols, rows, expected, false); err != nil {
		return err.Error(), true
	}
	return "", true
}

// sortLoose brings a list whose order is not known into one.
func sortLoose(v any) {
	if list, ok := v.([]any); ok {
		sort.Slice(list, func(i, j int) bool { return fmt.Sprint(list[i]) < fmt.Sprint(list[j]) })
	}
}

// shrink returns the smallest case that it finds to differ still.
func (c randomCase) shrink(h *harness) randomCase {
	fails := func(c randomCase) bool {
		d, decided := c.differs(h)
		return decided && d != "" && !strings.HasPrefix(d, "refused")
	}
	for again := true; again; {
		again = false
		for _, candidate := range c.smaller() {
			if fails(candidate) {
				c, again = candidate, true
				break
			}
		}
	}
	return c
}

// smaller returns cases with a stage, a row, a column or a level of an expression less.
func (c randomCase) smaller() []randomCase {
	var out []randomCase
	for i := range c.stages {
		d := c
		d.stages = slices.Delete(slices.Clone(c.stages), i, i+1)
		out = append(out, d)
	}
	for _, which := range []func(*randomCase) **randomTable{func(c *randomCase) **randomTable { return &c.t },
		func(c *randomCase) **randomTable { return &c.u }} {
		for i := range (*which(&c)).rows {
			d := c
			t := *which(&d)
			*which(&d) = &randomTable{t.cols, slices.Delete(slices.Clone(t.rows), i, i+1)}
			out = append(out, d)
		}
	}
	for i, s := range c.stages {
		for j, e := range s.exprs {
			for _, simpler := range simplerExprs(e) {
				d := c
				d.stages = slices.Clone(c.stages)
				d.stages[i].exprs = slices.Clone(s.exprs)
				d.stages[i].exprs[j] = simpler
				out = append(out, d)
			}
		}
	}
	return out
}

// simplerExprs are the parts of an expression that have its type, and itself with simpler parts.
func simplerExprs(e *scalarExpr) []*scalarExpr {
	var out []*scalarExpr
	for i, a := range e.args {
		if a.t == e.t {
			out = append(out, a)
		}
		for _, simpler := range simplerExprs(a) {
			d := *e
			d.args = slices.Clone(e.args)
			d.args[i] = simpler
			out = append(out, &d)
		}
	}
	return out
}

// newRandomTable makes a table with a unique number and a column of each type.
func newRandomTable(r *rand.Rand) *randomTable {
	t := &randomTable{cols: []randomColumn{{name: "id", t: value.Long}}}
	for _, typ := range randomTypes {
		t.cols = append(t.cols, randomColumn{name: typ.String()[:1] + "_" + typ.String()[1:], t: typ})
	}
	for i := range r.IntN(9) {
		row := []any{int64(i)}
		for _, c := range t.cols[1:] {
			row = append(row, randomValue(r, c.t))
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func newRandomCase(r *rand.Rand) randomCase {
	c := randomCase{t: newRandomTable(r), u: newRandomTable(r)}
	cols := c.t.cols
	for range 1 + r.IntN(4) {
		g := stages{exprs{r, cols}, c.u}
		s := pick(r, []func() (stage, []randomColumn){g.where, g.extend, g.extend, g.project, g.distinct, g.summarize,
			g.sortTake, g.rows, g.join, g.union, g.expand, g.count, g.top, g.rename, g.gather, g.apply, g.series,
			g.parse, g.again})
		made, after := s()
		if made.apply == nil {
			continue
		}
		c.stages, cols = append(c.stages, made), after
	}
	return c
}

// stages makes random operators over the columns that there are.
type stages struct {
	exprs
	other *randomTable
}

// plainColumns are columns of some types that expressions may name.
func (g stages) plainColumns(types ...value.Type) []randomColumn {
	var out []randomColumn
	for _, c := range g.cols {
		if !c.loose && (len(types) == 0 || slices.Contains(types, c.t)) {
			out = append(out, c)
		}
	}
	return out
}

func (g stages) fresh(prefix string, taken []randomColumn) string {
	for i := 1; ; i++ {
		name := fmt.Sprint(prefix, i)
		if !slices.ContainsFunc(taken, func(c randomColumn) bool { return c.name == name }) {
			return name
		}
	}
}

func (g stages) where() (stage, []randomColumn) {
	return stage{[]*scalarExpr{g.of(value.Bool, 3)}, func(a []string) string { return "where " + a[0] },
		func(t, u *randomTable, e []*scalarExpr) *randomTable {
			out := &randomTable{cols: t.cols}
			for i, row := range t.rows {
				if e[0].value(t.row(i)) == true {
					out.rows = append(out.rows, row)
				}
			}
			return out
		}}, g.cols
}

func (g stages) extend() (stage, []randomColumn) {
	var made []randomColumn
	var list []*scalarExpr
	for range 1 + g.IntN(4) {
		typ := pick(g.Rand, randomTypes)
		e := g.of(typ, 3)
		list = append(list, e)
		made = append(made, randomColumn{name: g.fresh("x", append(slices.Clone(g.cols), made...)), t: typ})
	}
	return stage{list, func(a []string) string {
		for i := range a {
			a[i] = made[i].name + " = " + a[i]
		}
		return "extend " + strings.Join(a, ", ")
	}, func(t, u *randomTable, e []*scalarExpr) *randomTable {
		out := &randomTable{cols: append(slices.Clone(t.cols), made...)}
		for i, row := range t.rows {
			row = slices.Clone(row)
			for _, x := range e {
				row = append(row, x.value(t.row(i)))
			}
			out.rows = append(out.rows, row)
		}
		return out
	}}, append(slices.Clone(g.cols), made...)
}

func (g stages) project() (stage, []randomColumn) {
	var list []*scalarExpr
	var kept []randomColumn
	for _, c := range g.plainColumns() {
		if c.name == "id" || g.IntN(2) == 0 {
			list, kept = append(list, columnRef(c)), append(kept, c)
		}
	}
	e := g.of(value.String, 2)
	list, kept = append(list, e), append(kept, randomColumn{name: g.fresh("p", g.cols), t: value.String})
	return stage{list, func(a []string) string {
		for i := range a {
			a[i] = kept[i].name + " = " + a[i]
		}
		return "project " + strings.Join(a, ", ")
	}, func(t, u *randomTable, e []*scalarExpr) *randomTable { return mapRows(t, kept, e) }}, kept
}

func mapRows(t *randomTable, cols []randomColumn, e []*scalarExpr) *randomTable {
	out := &randomTable{cols: cols}
	for i := range t.rows {
		var row []any
		for _, x := range e {
			row = append(row, x.value(t.row(i)))
		}
		out.rows = append(out.rows, row)
	}
	return out
}

// key tells rows apart, nulls and NaN being equal to themselves.
func key(values []any) string {
	var out strings.Builder
	for _, v := range values {
		if v == 0.0 {
			v = 0.0 // and not -0
		}
		fmt.Fprintf(&out, "%T %v\x00", v, v)
	}
	return out.String()
}

func (g stages) distinct() (stage, []randomColumn) {
	var list []*scalarExpr
	var kept []randomColumn
	for _, c := range g.plainColumns(value.Bool, value.Int, value.Long, value.Real, value.String, value.Datetime,
		value.Timespan, value.GUID) {
		if g.IntN(3) == 0 {
			list, kept = append(list, columnRef(c)), append(kept, c)
		}
	}
	if len(kept) == 0 {
		return stage{}, nil
	}
	return stage{list, func(a []string) string { return "distinct " + strings.Join(a, ", ") },
		func(t, u *randomTable, e []*scalarExpr) *randomTable {
			all, out, seen := mapRows(t, kept, e), &randomTable{cols: kept}, map[string]bool{}
			for _, row := range all.rows {
				if !seen[key(row)] {
					seen[key(row)] = true
					out.rows = append(out.rows, row)
				}
			}
			return out
		}}, kept
}

// randomAggregate is an aggregate: its text, in which %s stands for its arguments, and what it
// gives for the rows of a group.
type randomAggregate struct {
	result value.Type
	format string
	args   []value.Type
	loose  bool
	eval   func(rows [][]any) any
}

// present are the values of the first argument that are not null.
func present(rows [][]any) []any {
	var out []any
	for _, r := range rows {
		if r[0] != nil {
			out = append(out, r[0])
		}
	}
	return out
}

func sumOf(values []any) any {
	total := int64(0)
	for _, v := range values {
		total = exact("+", total, v.(int64))
	}
	return total
}

func mean(values []any) any {
	total := 0.0
	for _, v := range values {
		total += number(v)
	}
	return total / float64(len(values)) // NaN without values
}

// spread is the variance of a sample, or of the whole population.
func spread(values []any, sample int) float64 {
	if len(values) <= sample {
		return 0
	}
	m, total := mean(values).(float64), 0.0
	for _, v := range values {
		total += (number(v) - m) * (number(v) - m)
	}
	return total / float64(len(values)-sample)
}

func extreme(sign int) func(rows [][]any) any {
	return func(rows [][]any) any {
		var best any
		for _, v := range present(rows) {
			if best == nil {
				best = v
				continue
			}
			c, ok := order(v, best)
			if !ok {
				panic(undecided{"the least of NaN and numbers"})
			}
			if c*sign > 0 {
				best = v
			}
		}
		if f, ok := best.(float64); ok && math.IsNaN(f) {
			panic(undecided{"the least of NaN and numbers"})
		}
		return best
	}
}

// where keeps the rows whose last argument is true.
func where(f func(rows [][]any) any) func(rows [][]any) any {
	return func(rows [][]any) any {
		var kept [][]any
		for _, r := range rows {
			if r[len(r)-1] == true {
				kept = append(kept, r)
			}
		}
		return f(kept)
	}
}

func different(values []any) []any {
	seen, out := map[string]bool{}, []any{}
	for _, v := range values {
		if k := key([]any{v}); !seen[k] {
			seen[k] = true
			out = append(out, v)
		}
	}
	return out
}

// jsonList makes a list of a type's values, as dynamic holds them.
func jsonList(t value.Type, values []any) any {
	out := []any{}
	for _, v := range values {
		if t != value.Bool && t != value.Int && t != value.Long && t != value.String && v != nil {
			v = asText(t, v)
		}
		out = append(out, v)
	}
	return out
}

var randomAggregates = func() []randomAggregate {
	count := func(rows [][]any) any { return int64(len(rows)) }
	out := []randomAggregate{
		{tLong, "count()", nil, false, count},
		{tLong, "countif(%s)", types(tBool), false, where(count)},
		{tLong, "sum(%s)", types(tLong), false, func(rows [][]any) any { return sumOf(present(rows)) }},
		{tSpan, "sum(%s)", types(tSpan), false, func(rows [][]any) any { return sumOf(present(rows)) }},
		{tLong, "sumif(%s, %s)", types(tLong, tBool), false, where(func(rows [][]any) any { return sumOf(present(rows)) })},
		{tReal, "avg(%s)", types(tReal), false, func(rows [][]any) any { return mean(present(rows)) }},
		{tReal, "avg(%s)", types(tInt), false, func(rows [][]any) any { return mean(present(rows)) }},
		{tReal, "avgif(%s, %s)", types(tInt, tBool), false, where(func(rows [][]any) any { return mean(present(rows)) })},
		{tReal, "variance(%s)", types(tInt), false, func(rows [][]any) any { return spread(present(rows), 1) }},
		{tReal, "variancep(%s)", types(tInt), false, func(rows [][]any) any { return spread(present(rows), 0) }},
		{tReal, "stdev(%s)", types(tInt), false, func(rows [][]any) any { return math.Sqrt(spread(present(rows), 1)) }},
	}
	for _, t := range types(tInt, tLong, tReal, tTime, tSpan) {
		out = append(out, randomAggregate{t, "min(%s)", types(t), false, extreme(-1)},
			randomAggregate{t, "max(%s)", types(t), false, extreme(1)},
			randomAggregate{t, "maxif(%s, %s)", types(t, tBool), false, where(extreme(1))})
	}
	for _, t := range types(tBool, tInt, tLong, tReal, tText, tTime, tSpan, tGUID) {
		out = append(out, randomAggregate{tLong, "count(%s)", types(t), false, count},
			randomAggregate{tLong, "dcount(%s)", types(t), false,
				func(rows [][]any) any { return int64(len(different(present(rows)))) }},
			randomAggregate{tLong, "dcountif(%s, %s)", types(t, tBool), false,
				where(func(rows [][]any) any { return int64(len(different(present(rows)))) })})
		if t == tReal {
			continue
		}
		out = append(out, randomAggregate{tDyn, "make_list(%s)", types(t), true,
			func(rows [][]any) any { return jsonList(t, present(rows)) }},
			randomAggregate{tDyn, "make_set(%s)", types(t), true,
				func(rows [][]any) any { return different(jsonList(t, present(rows)).([]any)) }},
			randomAggregate{tDyn, "make_set_if(%s, %s)", types(t, tBool), true,
				where(func(rows [][]any) any { return different(jsonList(t, present(rows)).([]any)) })})
	}
	for _, p := range []int{0, 25, 50, 100} {
		for _, t := range types(tLong, tTime, tSpan) {
			out = append(out, randomAggregate{t, fmt.Sprintf("percentile(%%s, %d)", p), types(t), false,
				func(rows [][]any) any { return percentile(present(rows), p) }})
		}
	}
	return out
}()

// percentile is the value of the nearest rank.
func percentile(values []any, p int) any {
	if len(values) == 0 {
		return nil
	}
	slices.SortFunc(values, func(a, b any) int { return cmp.Compare(a.(int64), b.(int64)) })
	rank := (p*len(values) + 99) / 100
	return values[max(rank, 1)-1]
}

func (g stages) summarize() (stage, []randomColumn) {
	var list []*scalarExpr
	var made []randomColumn
	var chosen []randomAggregate
	var from []int
	for range 1 + g.IntN(3) {
		a := pick(g.Rand, randomAggregates)
		from = append(from, len(list))
		for _, t := range a.args {
			list = append(list, g.of(t, 1))
		}
		chosen = append(chosen, a)
		made = append(made, randomColumn{g.fresh("a", append(slices.Clone(g.cols), made...)), a.result, a.loose})
	}
	keysFrom := len(list)
	var keys []randomColumn
	for range g.IntN(3) {
		t := pick(g.Rand, types(tBool, tInt, tText, tTime, tSpan, tGUID, tReal))
		list = append(list, g.of(t, 1))
		keys = append(keys, randomColumn{name: g.fresh("k", append(slices.Clone(g.cols), keys...)), t: t})
	}
	cols := append(slices.Clone(keys), made...)
	return stage{list, func(a []string) string {
		var aggregates, by []string
		for i, agg := range chosen {
			args := make([]any, len(agg.args))
			for j := range args {
				args[j] = a[from[i]+j]
			}
			aggregates = append(aggregates, made[i].name+" = "+fmt.Sprintf(agg.format, args...))
		}
		for i, k := range keys {
			by = append(by, k.name+" = "+a[keysFrom+i])
		}
		text := "summarize " + strings.Join(aggregates, ", ")
		if len(by) > 0 {
			text += " by " + strings.Join(by, ", ")
		}
		return text
	}, func(t, u *randomTable, e []*scalarExpr) *randomTable {
		groups, order := map[string][][]any{}, []string{}
		for i := range t.rows {
			var row []any
			for _, x := range e {
				row = append(row, x.value(t.row(i)))
			}
			k := key(row[keysFrom:])
			if groups[k] == nil {
				order = append(order, k)
			}
			groups[k] = append(groups[k], row)
		}
		if len(keys) == 0 && len(order) == 0 {
			order = []string{""}
		}
		out := &randomTable{cols: cols}
		for _, k := range order {
			var row []any
			if len(keys) > 0 {
				row = slices.Clone(groups[k][0][keysFrom:])
			}
			for i, agg := range chosen {
				args := make([][]any, len(groups[k]))
				for j, r := range groups[k] {
					args[j] = r[from[i] : from[i]+len(agg.args)]
				}
				row = append(row, agg.eval(args))
			}
			out.rows = append(out.rows, row)
		}
		return out
	}}, cols
}

// sortKeyOf is a key of sort by, and how it orders two values.
type sortKeyOf struct {
	text    string
	desc    bool
	nullEnd bool // nulls last
}

// compareKeys orders by the keys: nulls, and beside them NaN, stand at one end, by default before all values.
func compareKeys(keys []sortKeyOf, x, y []any) int {
	rank := func(v any, k sortKeyOf) int {
		level := 0
		if v == nil {
			level = 2
		} else if f, ok := v.(float64); ok && math.IsNaN(f) {
			level = 1
		}
		if !k.nullEnd {
			level = -level
		}
		return level
	}
	for i, k := range keys {
		if c := cmp.Compare(rank(x[i], k), rank(y[i], k)); c != 0 {
			return c
		}
		if x[i] == nil {
			continue
		}
		c, ok := order(x[i], y[i])
		if !ok || c == 0 {
			continue
		}
		if k.desc {
			c = -c
		}
		return c
	}
	return 0
}

// hasID reports whether there is the number of each row of T, by which an order is complete.
func (g stages) hasID() bool {
	return slices.ContainsFunc(g.cols, func(c randomColumn) bool { return c.name == "id" })
}

func (g stages) sorting() (keys []sortKeyOf, list []*scalarExpr) {
	for range 1 + g.IntN(2) {
		t := pick(g.Rand, types(tBool, tInt, tLong, tReal, tText, tTime, tSpan))
		list = append(list, g.of(t, 1))
		k := pick(g.Rand, []sortKeyOf{{"", true, true}, {" asc", false, false}, {" desc", true, true},
			{" asc nulls last", false, true}, {" desc nulls first", true, false}, {" asc nulls first", false, false}})
		keys = append(keys, k)
	}
	list = append(list, columnRef(randomColumn{name: "id", t: value.Long}))
	return append(keys, sortKeyOf{" asc", false, false}), list
}

// sorted sorts rows. Rows that are equal in all keys leave the case open.
func sorted(t *randomTable, keys []sortKeyOf, e []*scalarExpr) *randomTable {
	values := make([][]any, len(t.rows))
	at := make([]int, len(t.rows))
	for i := range t.rows {
		at[i] = i
		for _, x := range e {
			values[i] = append(values[i], x.value(t.row(i)))
		}
	}
	slices.SortStableFunc(at, func(i, j int) int { return compareKeys(keys, values[i], values[j]) })
	out := &randomTable{cols: t.cols}
	for i, from := range at {
		if i > 0 && compareKeys(keys, values[at[i-1]], values[from]) == 0 {
			panic(undecided{"the order of equal rows"})
		}
		out.rows = append(out.rows, t.rows[from])
	}
	return out
}

func sortText(keys []sortKeyOf, a []string) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = a[i] + k.text
	}
	return "sort by " + strings.Join(parts, ", ")
}

func (g stages) sortTake() (stage, []randomColumn) {
	if !g.hasID() {
		return stage{}, nil
	}
	keys, list := g.sorting()
	n := g.IntN(5)
	return stage{list, func(a []string) string { return fmt.Sprintf("%s | take %d", sortText(keys, a), n) },
		func(t, u *randomTable, e []*scalarExpr) *randomTable {
			out := sorted(t, keys, e)
			out.rows = out.rows[:min(n, len(out.rows))]
			return out
		}}, g.cols
}

// rows are the functions over neighbours in a serialized set: "prev()", "next()", "row_number()", "row_cumsum()".
func (g stages) rows() (stage, []randomColumn) {
	if !g.hasID() {
		return stage{}, nil
	}
	keys, list := g.sorting()
	t := pick(g.Rand, randomTypes)
	list = append(list, g.of(t, 1), g.of(value.Int, 1))
	n := len(list)
	var made []randomColumn
	for _, typ := range types(t, t, value.Long, value.Long) {
		made = append(made, randomColumn{name: g.fresh("w", append(slices.Clone(g.cols), made...)), t: typ})
	}
	return stage{list, func(a []string) string {
		return fmt.Sprintf("%s | extend %s = prev(%s), %s = next(%s, 2), %s = row_number(), %s = tolong(row_cumsum(%s))",
			sortText(keys, a), made[0].name, a[n-2], made[1].name, a[n-2], made[2].name, made[3].name, a[n-1])
	}, func(t, u *randomTable, e []*scalarExpr) *randomTable {
		ordered := sorted(t, keys, e[:n-2])
		out := &randomTable{cols: append(slices.Clone(t.cols), made...)}
		value := func(i int) any {
			if i < 0 || i >= len(ordered.rows) {
				if e[n-2].t == tText {
					return ""
				}
				return nil
			}
			return e[n-2].value(ordered.row(i))
		}
		total := int64(0)
		for i, row := range ordered.rows {
			add := e[n-1].value(ordered.row(i))
			if add == nil {
				panic(undecided{"the running sum of null"})
			}
			total = exact("+", total, add.(int64))
			if int64(int32(total)) != total {
				panic(undecided{"a running sum beyond int"})
			}
			out.rows = append(out.rows, append(slices.Clone(row), value(i-1), value(i+2), int64(i+1), total))
		}
		return out
	}}, append(slices.Clone(g.cols), made...)
}

// join joins U by one key. Null keys match one another.
func (g stages) join() (stage, []randomColumn) {
	var candidates []randomColumn
	for _, c := range g.plainColumns(value.Bool, value.Int, value.Long, value.String, value.Datetime, value.GUID) {
		if c.t != value.Long || c.name == "id" {
			candidates = append(candidates, c)
		}
	}
	if len(candidates) == 0 {
		return stage{}, nil
	}
	left := pick(g.Rand, candidates)
	right := exprs{g.Rand, g.other.cols}
	list := []*scalarExpr{columnRef(left), right.of(left.t, 1), right.of(value.String, 1),
		columnRef(randomColumn{name: "id", t: value.Long})}
	var made []randomColumn
	for _, typ := range types(left.t, value.String, value.Long) {
		made = append(made, randomColumn{name: g.fresh("j", append(slices.Clone(g.cols), made...)), t: typ})
	}
	kind := pick(g.Rand, []string{"inner", "leftouter", "rightouter", "fullouter", "leftsemi", "leftanti",
		"rightsemi", "rightanti"})
	cols := append(slices.Clone(g.cols), made...)
	switch kind {
	case "leftsemi", "leftanti":
		cols = g.cols
	case "rightsemi", "rightanti":
		cols = made
	}
	return stage{list, func(a []string) string {
		return fmt.Sprintf("join kind=%s (U | project %s = %s, %s = %s, %s = %s) on $left.%s == $right.%s", kind,
			made[0].name, a[1], made[1].name, a[2], made[2].name, a[3], a[0], made[0].name)
	}, func(t, u *randomTable, e []*scalarExpr) *randomTable {
		if !slices.Equal(t.cols, g.cols) {
			panic(dangling{"of the left side of join"})
		}
		return joined(t, mapRows(u, made, e[1:]), e[0], kind, cols)
	}}, cols
}

// empty are the values of a row that is missing.
func empty(cols []randomColumn) []any {
	out := make([]any, len(cols))
	for i, c := range cols {
		if c.t == value.String {
			out[i] = ""
		}
	}
	return out
}

func joined(t, u *randomTable, leftKey *scalarExpr, kind string, cols []randomColumn) *randomTable {
	out := &randomTable{cols: cols}
	matched := make([]bool, len(u.rows))
	for i, row := range t.rows {
		k := key([]any{leftKey.value(t.row(i))})
		found := false
		for j, other := range u.rows {
			if key(other[:1]) != k {
				continue
			}
			found, matched[j] = true, true
			if strings.HasSuffix(kind, "inner") || strings.HasSuffix(kind, "outer") {
				out.rows = append(out.rows, append(slices.Clone(row), other...))
			}
		}
		switch {
		case found && kind == "leftsemi", !found && kind == "leftanti":
			out.rows = append(out.rows, row)
		case !found && (kind == "leftouter" || kind == "fullouter"):
			out.rows = append(out.rows, append(slices.Clone(row), empty(u.cols)...))
		}
	}
	for j, other := range u.rows {
		switch {
		case matched[j] && kind == "rightsemi", !matched[j] && kind == "rightanti":
			out.rows = append(out.rows, other)
		case !matched[j] && (kind == "rightouter" || kind == "fullouter"):
			out.rows = append(out.rows, append(empty(t.cols), other...))
		}
	}
	return out
}

// union adds the rows of U with some columns of the same names and a new one.
func (g stages) union() (stage, []randomColumn) {
	right := exprs{g.Rand, g.other.cols}
	var list []*scalarExpr
	var other []randomColumn
	for _, c := range g.cols {
		if !c.loose && c.name != "id" && g.IntN(2) == 0 {
			list, other = append(list, right.of(c.t, 1)), append(other, c)
		}
	}
	list, other = append(list, right.of(value.String, 1)),
		append(other, randomColumn{name: g.fresh("u", g.cols), t: value.String})
	kind := pick(g.Rand, []string{"outer", "inner"})
	var cols []randomColumn
	for _, c := range g.cols {
		if kind == "outer" || slices.ContainsFunc(other, func(o randomColumn) bool { return o.name == c.name }) {
			cols = append(cols, c)
		}
	}
	if kind == "outer" {
		cols = append(cols, other[len(other)-1])
	}
	if len(cols) == 0 {
		return stage{}, nil
	}
	return stage{list, func(a []string) string {
		for i := range a {
			a[i] = other[i].name + " = " + a[i]
		}
		return "union kind=" + kind + " (U | project " + strings.Join(a, ", ") + ")"
	}, func(t, u *randomTable, e []*scalarExpr) *randomTable {
		if !slices.Equal(t.cols, g.cols) {
			panic(dangling{"of the left side of union"})
		}
		out := &randomTable{cols: cols}
		for _, source := range []*randomTable{t, mapRows(u, other, e)} {
			for i := range source.rows {
				row := empty(cols)
				for j, c := range cols {
					if slices.Contains(source.cols, c) {
						row[j] = columnRef(c).value(source.row(i))
					}
				}
				out.rows = append(out.rows, row)
			}
		}
		return out
	}}, cols
}

// expand makes a row of each element of an array, of each property of a bag, and of any other value one.
func (g stages) expand() (stage, []randomColumn) {
	made := randomColumn{name: g.fresh("m", g.cols), t: value.Dynamic}
	cols := append(slices.Clone(g.cols), made)
	return stage{[]*scalarExpr{g.of(value.Dynamic, 1)}, func(a []string) string {
		return "mv-expand " + made.name + " = " + a[0]
	}, func(t, u *randomTable, e []*scalarExpr) *randomTable {
		out := &randomTable{cols: append(slices.Clone(t.cols), made)}
		for i, row := range t.rows {
			var elements []any
			switch v := e[0].value(t.row(i)).(type) {
			case []any:
				elements = v
			case map[string]any:
				for k, x := range v {
					elements = append(elements, map[string]any{k: x})
				}
			default:
				elements = []any{v}
			}
			for _, x := range elements {
				out.rows = append(out.rows, append(slices.Clone(row), x))
			}
		}
		return out
	}}, cols
}

// top is the first rows of a sorted set.
func (g stages) top() (stage, []randomColumn) {
	if !g.hasID() {
		return stage{}, nil
	}
	k := pick(g.Rand, []sortKeyOf{{" asc", false, false}, {" desc", true, true}, {"", true, true}})
	list := []*scalarExpr{columnRef(randomColumn{name: "id", t: value.Long})}
	return stage{list, func(a []string) string { return "top 3 by " + a[0] + k.text },
		func(t, _ *randomTable, e []*scalarExpr) *randomTable {
			out := sorted(t, []sortKeyOf{k}, e)
			out.rows = out.rows[:min(3, len(out.rows))]
			return out
		}}, g.cols
}

// rename gives a column another name and takes another away.
func (g stages) rename() (stage, []randomColumn) {
	cols := g.plainColumns(value.String, value.Int, value.Bool)
	if len(cols) < 2 {
		return stage{}, nil
	}
	old, gone := cols[0], cols[1]
	made := g.fresh("n", g.cols)
	var after []randomColumn
	for _, c := range g.cols {
		if c == old {
			c.name = made
		}
		if c != gone {
			after = append(after, c)
		}
	}
	return stage{nil, func([]string) string {
		return fmt.Sprintf("project-rename %s = %s | project-away %s", made, old.name, gone.name)
	}, func(t, _ *randomTable, _ []*scalarExpr) *randomTable {
		at := slices.Index(t.cols, gone)
		if at < 0 || !slices.Contains(t.cols, old) || !slices.Equal(t.cols, g.cols) {
			panic(dangling{gone.name})
		}
		out := &randomTable{cols: after}
		for _, row := range t.rows {
			out.rows = append(out.rows, slices.Delete(slices.Clone(row), at, at+1))
		}
		return out
	}}, after
}

// gather makes lists of sorted rows, whose order is that of the rows.
func (g stages) gather() (stage, []randomColumn) {
	if !g.hasID() {
		return stage{}, nil
	}
	keys, list := g.sorting()
	n := len(list)
	list = append(list, g.of(value.String, 1), g.of(value.Bool, 1))
	cols := []randomColumn{{g.fresh("k", g.cols), value.Bool, false}, {g.fresh("l", g.cols), value.Dynamic, false},
		{g.fresh("f", g.cols), value.Dynamic, false}}
	return stage{list, func(a []string) string {
		return fmt.Sprintf("%s | summarize %s = make_list(%s), %s = make_list(%s, 2) by %s = %s", sortText(keys, a),
			cols[1].name, a[n], cols[2].name, a[n], cols[0].name, a[n+1])
	}, func(t, _ *randomTable, e []*scalarExpr) *randomTable {
		out := &randomTable{cols: cols}
		ordered, groups := sorted(t, keys, e[:n]), map[any]int{}
		for i := range ordered.rows {
			k := e[n+1].value(ordered.row(i))
			at, ok := groups[k]
			if !ok {
				at = len(out.rows)
				groups[k] = at
				out.rows = append(out.rows, []any{k, []any{}, []any{}})
			}
			all := append(out.rows[at][1].([]any), e[n].value(ordered.row(i)))
			out.rows[at][1], out.rows[at][2] = all, all[:min(2, len(all))]
		}
		return out
	}}, cols
}

// apply keeps, of the elements of an array, those that a condition holds for, in a subquery of each row.
func (g stages) apply() (stage, []randomColumn) {
	made := randomColumn{name: g.fresh("v", g.cols), t: value.Long}
	cols := append(slices.Clone(g.cols), made)
	return stage{[]*scalarExpr{g.of(value.Dynamic, 1)}, func(a []string) string {
		return fmt.Sprintf("mv-apply element_ = %s to typeof(long) on (summarize %s = countif(isnotnull(element_)))",
			a[0], made.name)
	}, func(t, _ *randomTable, e []*scalarExpr) *randomTable {
		out := &randomTable{cols: append(slices.Clone(t.cols), made)}
		for i, row := range t.rows {
			list, ok := e[0].value(t.row(i)).([]any)
			if !ok || len(list) == 0 {
				panic(undecided{"mv-apply of what has no elements"})
			}
			n := int64(0)
			for _, v := range list {
				switch v.(type) {
				case int64, float64:
					n++
				case bool:
					panic(undecided{"a boolean as a number"})
				}
			}
			out.rows = append(out.rows, append(slices.Clone(row), n))
		}
		return out
	}}, cols
}

// series counts rows in the steps of an axis.
func (g stages) series() (stage, []randomColumn) {
	list := []*scalarExpr{g.of(value.Int, 1), g.of(value.Bool, 1)}
	cols := []randomColumn{{g.fresh("k", g.cols), value.Bool, false}, {g.fresh("c", g.cols), value.Dynamic, false},
		{g.fresh("axis", g.cols), value.Dynamic, false}}
	return stage{list, func(a []string) string {
		return fmt.Sprintf("make-series %s = count() on %s = %s from -10 to 20 step 6 by %s = %s", cols[1].name, cols[2].name,
			a[0], cols[0].name, a[1])
	}, func(t, _ *randomTable, e []*scalarExpr) *randomTable {
		out := &randomTable{cols: cols}
		groups := map[any]int{}
		for i := range t.rows {
			x, k := e[0].value(t.row(i)), e[1].value(t.row(i))
			if x == nil {
				panic(undecided{"a row without a place on the axis"})
			}
			if n := x.(int64); n < -10 || n >= 20 {
				panic(undecided{"a row outside of the axis"})
			}
			at, ok := groups[k]
			if !ok {
				at = len(out.rows)
				groups[k] = at
				out.rows = append(out.rows, []any{k, []any{int64(0), int64(0), int64(0), int64(0), int64(0)},
					[]any{int64(-10), int64(-4), int64(2), int64(8), int64(14)}})
			}
			counts := out.rows[at][1].([]any)
			step := (x.(int64) + 10) / 6
			counts[step] = counts[step].(int64) + 1
		}
		return out
	}}, cols
}

// parse reads a text that was made of two.
func (g stages) parse() (stage, []randomColumn) {
	made := []randomColumn{{name: g.fresh("q", g.cols), t: value.Long}}
	made = append(made, randomColumn{name: g.fresh("q", append(slices.Clone(g.cols), made...)), t: value.String})
	whole := randomColumn{name: g.fresh("text", g.cols), t: value.String}
	cols := append(append(slices.Clone(g.cols), whole), made...)
	return stage{[]*scalarExpr{g.of(value.Int, 1), g.of(value.String, 1)}, func(a []string) string {
		return fmt.Sprintf("extend %s = strcat('n=', %s, ';s=', %s) | parse %s with 'n=' %s:long ';s=' %s", whole.name, a[0],
			a[1], whole.name, made[0].name, made[1].name)
	}, func(t, _ *randomTable, e []*scalarExpr) *randomTable {
		out := &randomTable{cols: append(append(slices.Clone(t.cols), whole), made...)}
		for i, row := range t.rows {
			n, s := e[0].value(t.row(i)), e[1].value(t.row(i))
			if n == nil {
				panic(undecided{"a pattern that does not match"})
			}
			out.rows = append(out.rows, append(slices.Clone(row), fmt.Sprintf("n=%d;s=%s", n, s), n, s))
		}
		return out
	}}, cols
}

// again joins the rows with themselves by their number, which changes nothing.
func (g stages) again() (stage, []randomColumn) {
	if !g.hasID() {
		return stage{}, nil
	}
	name := g.fresh("A", nil)
	return stage{nil, func([]string) string {
		return fmt.Sprintf(
			"as %s | join kind=leftsemi (%s | project id) on id | lookup kind=inner (%s | summarize by id) on id",
			name, name, name)
	}, func(t, _ *randomTable, _ []*scalarExpr) *randomTable {
		at := slices.IndexFunc(t.cols, func(c randomColumn) bool { return c.name == "id" })
		if at < 0 {
			panic(dangling{"id"})
		}
		return t
	}}, g.cols
}

func (g stages) count() (stage, []randomColumn) {
	if g.IntN(3) > 0 {
		return stage{}, nil
	}
	cols := []randomColumn{{name: "Count", t: value.Long}}
	return stage{nil, func([]string) string { return "count" }, func(t, _ *randomTable, _ []*scalarExpr) *randomTable {
		return &randomTable{cols: cols, rows: [][]any{{int64(len(t.rows))}}}
	}}, cols
}

func TestRandomQueriesMeanWhatTheDocumentationSays(t *testing.T) {
	seed := *randomSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (-kql-seed)", seed)
	h := newHarness(t)
	h.db.SetMaxOpenConns(1)
	if _, err := h.db.ExecContext(context.Background(), "SET threads = 1"); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	compared, refused, failures := 0, map[string]int{}, 0
	for end := time.Now().Add(*randomFor); time.Now().Before(end) || compared < 400; {
		c := newRandomCase(r)
		difference, decided := c.differs(h)
		switch {
		case !decided:
			continue
		case strings.HasPrefix(difference, "refused"):
			refused[difference]++
		case difference != "":
			c = c.shrink(h)
			difference, _ = c.differs(h)
			t.Errorf("%s\n%s", c.query(), difference)
			if failures++; failures == 10 {
				t.Fatal("enough")
			}
		}
		compared++
	}
	t.Logf("%d queries compared", compared)
	for why, n := range refused {
		t.Errorf("%d times %s", n, why)
	}
}
