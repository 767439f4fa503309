package kql

import "github.com/calypso-cdc/calypso/services/localadx/kql/value"

// facts are what is known of expressions besides their SQL and type: noted while they are bound, so
// that nobody has to look for it in the text.
type facts struct {
	// columns are the ids of the columns that are read; those of tables within the expression are not among them.
	columns []string
	// volatile is true if a function was called that returns another value each time.
	volatile bool
	// tables is true if a table is read within the expression.
	tables bool
	// reads counts the columns that are read, each as often as it weighs.
	reads int
}

func (f *facts) add(other facts) {
	f.columns = append(f.columns, other.columns...)
	f.volatile, f.tables = f.volatile || other.volatile, f.tables || other.tables
	f.reads += other.reads
}

// apart returns what bind notes, which is not noted of what is being bound around it.
func apart(b *binder, bind func()) facts {
	around := b.facts
	b.facts = facts{}
	// Binding may end in a panic that somebody recovers, to try something else.
	defer func() { b.facts = around }()
	bind()
	return b.facts
}

// columnExpr is an expression that is a column and nothing else.
func columnExpr(id string, t Type, name string) *expr {
	return &expr{sql: id, column: id, typ: t, name: name, nullable: t != value.String}
}

// isColumn reports whether the expression is a column and nothing else.
func (e *expr) isColumn() bool { return e.column != "" && e.sql == e.column }

// restriction restricts the aggregates of an expression to the rows for which a condition holds.
type restriction struct {
	condition string
	// taken counts the places where an aggregate took it; ignored says that one did not, which then
	// would be of all rows.
	taken   int
	ignored bool
}

// filter is what stands behind the call of an aggregate that is restricted; "" without a restriction.
func (r *restriction) filter() string {
	if r == nil {
		return ""
	}
	r.taken++
	return " FILTER (WHERE " + r.condition + ")"
}
