package kql

import (
	"fmt"
	"slices"
	"strings"
)

// column is a column of a relation. Its id is unique in the query, so SQL fragments that name ids never clash, whatever
// the users' names are: KQL names are case-sensitive, SQL's are not.
type column struct {
	name string
	typ  Type
	id   string
	// weight is how many columns its expression reads once the expressions of those are put in
	// their place, which the database does where a filter is moved ahead of them; 0 stands for 1.
	weight int
}

// maxWeight bounds the weight of a column: an expression that reads another twice, and is itself
// read twice, doubles with each operator.
const maxWeight = 1000

// settle makes the columns of r light, if any of them is heavy: the database moves nothing ahead of a limit.
func (r *relation) settle() *relation {
	heavy := func(c column) bool { return c.weight > maxWeight }
	if !slices.ContainsFunc(r.cols, heavy) {
		return r
	}
	out := r.with("SELECT * FROM (" + r.sql + ") LIMIT 9223372036854775807")
	out.cols = slices.Clone(r.cols)
	for i := range out.cols {
		out.cols[i].weight = 0
	}
	return out
}

// orderKey is one key of a relation's order, over a physical column.
type orderKey struct {
	id        string
	desc      bool
	nullsLast bool
}

// relation is a SELECT under construction: SQL that yields the ids of cols, of the order keys, and perhaps more.
//
// The order is a property, not an ORDER BY: it becomes one where it matters (take, row functions, make_list, the final
// result) and costs nothing where it does not.
type relation struct {
	cols       []column
	order      []orderKey
	sql        string
	name       string // what union withsource= shows: a table's or an as operator's name
	serialized bool   // row functions such as prev() are allowed
	// stable is set when reading the relation twice surely yields the same rows: a stored table behind filters and
	// projections.
	stable bool
	// volatile is set when reading the relation twice may give other values.
	volatile bool
	// ingestion is nil when the rows are not, or no longer, those of a stored table.
	ingestion *ingestionColumns
	// graph is set for a graph, which only graph operators take.
	graph *graph
}

func (r *relation) column(name string) (column, bool) {
	for _, c := range r.cols {
		if c.name == name {
			return c, true
		}
	}
	return column{}, false
}

func (r *relation) index(name string) int {
	for i, c := range r.cols {
		if c.name == name {
			return i
		}
	}
	return -1
}

// with returns a copy of r with other SQL.
func (r *relation) with(sql string) *relation {
	c := *r
	c.sql = sql
	return &c
}

// orderBy returns " ORDER BY …", or "" without an order.
func (r *relation) orderBy() string {
	if len(r.order) == 0 {
		return ""
	}
	return " ORDER BY " + orderList(r.order)
}

func orderList(keys []orderKey) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k.id
		if k.desc {
			parts[i] += " DESC"
		}
		if k.nullsLast {
			parts[i] += " NULLS LAST"
		} else {
			parts[i] += " NULLS FIRST"
		}
	}
	return strings.Join(parts, ", ")
}

// over returns the window clause for row functions: the relation's order, in partitions by SQL expressions.
func (r *relation) over(partition ...string) string {
	var parts []string
	if len(partition) > 0 {
		parts = append(parts, "PARTITION BY "+strings.Join(partition, ", "))
	}
	if len(r.order) > 0 {
		parts = append(parts, "ORDER BY "+orderList(r.order))
	}
	return "OVER (" + strings.Join(parts, " ") + ")"
}

// item is an output of a SELECT: an expression and the column it becomes.
type item struct {
	sql string
	col column
	// over, if it is set, stands for sql: it returns a SELECT of what the SELECT it is given yields, and of the column.
	over func(sql string) string
}

// newID returns a fresh physical column id.
func (b *binder) newID() string {
	b.ids++
	return fmt.Sprintf("c%d", b.ids)
}

// bindExtend adds computed columns to what the SQL yields, without making them visible.
func bindExtend(b *binder, r *relation, items []item) *relation {
	if len(items) == 0 {
		return r
	}
	parts := make([]string, len(items))
	for i, it := range items {
		parts[i] = it.sql + " AS " + it.col.id
	}
	return r.with("SELECT *, " + strings.Join(parts, ", ") + " FROM (" + r.sql + ")")
}

// bindProject makes the items the only visible columns; order keys and ingestion columns are carried along.
func bindProject(b *binder, r *relation, items []item) *relation {
	parts := make([]string, 0, len(items)+len(r.order))
	have := map[string]bool{}
	out := *r
	out.cols = make([]column, 0, len(items))
	for _, it := range items {
		if it.sql == it.col.id {
			parts = append(parts, it.sql)
		} else {
			parts = append(parts, it.sql+" AS "+it.col.id)
		}
		have[it.col.id] = true
		out.cols = append(out.cols, it.col)
	}
	carry := func(id string) {
		if !have[id] {
			parts = append(parts, id)
			have[id] = true
		}
	}
	for _, k := range r.order {
		carry(k.id)
	}
	if r.ingestion != nil {
		carry(r.ingestion.time)
		carry(r.ingestion.extent)
	}
	out.sql = "SELECT " + strings.Join(parts, ", ") + " FROM (" + r.sql + ")"
	return &out
}

// bindFilter keeps the rows for which the SQL predicate is true.
func bindFilter(b *binder, r *relation, predicate string) *relation {
	return r.with("SELECT * FROM (" + r.sql + ") WHERE " + predicate)
}

// asVolatile returns r as one that may give other values when it is read twice.
func (r *relation) asVolatile() *relation {
	c := *r
	c.volatile = true
	return &c
}

// unordered returns r without its order.
func (r *relation) unordered() *relation {
	c := *r
	c.order, c.serialized = nil, false
	return &c
}

// keep makes a subset of the visible columns visible, without new SQL.
func (r *relation) keep(cols []column) *relation {
	c := *r
	c.cols = cols
	return &c
}

// uniqueName returns name, or name followed by the first number that makes it differ from taken names.
func uniqueName(name string, taken func(string) bool) string {
	if !taken(name) {
		return name
	}
	for i := 1; ; i++ {
		if candidate := fmt.Sprintf("%s%d", name, i); !taken(candidate) {
			return candidate
		}
	}
}
