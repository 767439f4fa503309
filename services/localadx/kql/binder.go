package kql

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// maxSQL bounds the SQL one query becomes, in bytes: let statements are inlined, so text can grow exponentially.
const maxSQL = 8 << 20

// maxWork bounds the SQL that is written while a query is bound, in bytes: each operator writes its
// input's again, so that a long chain of them costs the square of its length.
const maxWork = 128 << 20

// maxPlanning bounds what the database spends on planning, which nothing interrupts: it compares each
// part of a condition with each other. It makes about four million comparisons a second.
const maxPlanning = 4_000_000

// maxTerms bounds the terms and patterns for which the database has regular expressions: it takes about
// ten milliseconds for the classes of Unicode in each. Go takes what is beyond.
const maxTerms = 16

// maxCalls bounds the nesting of function calls; stored functions may call each other in circles.
const maxCalls = 64

// binder turns a syntax tree into relations. One binder serves one query; it is not safe for
// concurrent use. Errors travel as panics of *Error (or of probeError) inside the binder; Compile
// recovers them.
type binder struct {
	text    string
	opts    Options
	now     int64 // ticks; what now() is
	ids     int
	calls   int
	work    int
	planned int    // comparisons of parts of conditions with each other
	terms   int    // constant terms that were looked for
	current string // the operator being bound, for messages
	render  *Render
	options map[string]*expr // set statements
	results int              // queries in the request
	doubles bool             // Plan.Doubles
	facts   facts            // of what is being bound
	// shared are relations that are computed once, as common table expressions; tables and scalars
	// are those of let statements.
	shared  []string
	tables  map[*binding]*relation
	scalars map[*binding]*expr

	rules      *rules
	special    map[string]specialForm
	aggregates map[string]aggregate
}

// probeError carries a failure of Options.Probe out of the binder.
type probeError struct{ err error }

// binding is what a name stands for in a scope: exactly one of its fields is set, apart from facts and scope.
type binding struct {
	x      syntax.Node // a let expression, bound again at each use
	value  *expr       // a bound scalar: a function's argument, of which facts are known
	table  *relation   // a bound table: a function's tabular argument, or as
	lambda *syntax.LambdaNode
	cases  *syntax.PatternStatement
	facts  facts
	scope  *scope // where x or lambda is bound
	name   string
}

// scope is a chain of let statements and parameters.
type scope struct {
	parent *scope
	names  map[string]*binding
}

func (s *scope) lookup(name string) *binding {
	for ; s != nil; s = s.parent {
		if b, ok := s.names[name]; ok {
			return b
		}
	}
	return nil
}

func (s *scope) add(name string, b *binding) *scope {
	b.name = name
	return &scope{parent: s, names: map[string]*binding{name: b}}
}

// let adds a let statement's name, which stands for an expression or a function of what the scope holds before it.
func (s *scope) let(st syntax.LetStatement) *scope {
	if l, ok := st.X.(syntax.LambdaNode); ok {
		return s.add(st.Name, &binding{lambda: &l, scope: s})
	}
	return s.add(st.Name, &binding{x: st.X, scope: s})
}

// env is where a scalar expression is bound: the scope, and the relation whose columns it may name.
type env struct {
	scope *scope
	rel   *relation // nil: no row context
	right *relation // the right side of a join condition
	// aggregate allows aggregate functions; their arguments are bound without it.
	aggregate bool
	// only, if it is set, restricts the aggregates to some of the rows.
	only *restriction
	// keys are the group keys, as SQL: outside aggregates only they may be named.
	keys map[string]bool
	// extra collects columns that must be computed in SELECTs below the expression, one layer each: row functions, whose
	// arguments may contain others.
	extra *[]item
	// steps are the states of scan's steps: step name to column name to expression.
	steps map[string]map[string]*expr
	// match is the pattern of a graph operator.
	match *match
}

func (e env) plain() env {
	e.aggregate = false
	return e
}

// bare returns an env without row context in another scope.
func (e env) bare(s *scope) env {
	return env{scope: s, extra: e.extra}
}

// fail stops binding with a semantic error at a node.
func (b *binder) fail(at syntax.Node, code, format string, args ...any) {
	panic(b.errorAt(at, code, "", format, args...))
}

// failHint is fail with advice.
func (b *binder) failHint(at syntax.Node, code, hint, format string, args ...any) {
	panic(b.errorAt(at, code, hint, format, args...))
}

// spend counts SQL that was written, and stops a query that is too large to be worth going on.
func (b *binder) spend(at syntax.Node, sql int) {
	if b.work += sql + 64; b.work > maxWork {
		b.fail(at, syntax.CodeUnsupported, "The query is too large: write it with fewer operators, or shorter expressions")
	}
}

// plan counts what the database compares of a condition of so many parts, and stops a query that would hold it up.
func (b *binder) plan(at syntax.Node, parts int) {
	if b.planned += parts * parts; b.planned > maxPlanning {
		b.failHint(at, syntax.CodeUnsupported, "use in, has_any or a join with a datatable",
			"The condition has too many parts")
	}
}

func (b *binder) errorAt(at syntax.Node, code, hint, format string, args ...any) *syntax.Error {
	err := &syntax.Error{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint, Permanent: true}
	if at != nil && at.Place().End > 0 && at.Place().Start <= len(b.text) {
		err.Line, err.Column = syntax.Position(b.text, at.Place().Start)
	}
	return err
}

// wireSQL returns a column in the form Rows takes: guid as text.
func wireSQL(sql string, t Type) string {
	switch t {
	case value.GUID:
		return "CAST(" + sql + " AS VARCHAR)"
	case value.String:
		return notNullString(sql)
	case value.Datetime:
		// What a calculation takes out of the years 1 to 9999 is null, and no client could read it.
		return "CASE WHEN " + sql + " BETWEEN 0 AND " + strconv.FormatInt(value.MaxDatetime, 10) + " THEN " + sql + " END"
	}
	return sql
}

// mostProbed bounds the rows of such an answer: several for each of the columns that a result can have.
const mostProbed = 10 * syntax.MaxColumns

// probe runs a plan that answers a question about data while the query is being bound, which what names.
func (b *binder) probe(at syntax.Node, rel *relation, what string) [][]any {
	if b.opts.Probe == nil {
		b.fail(at, syntax.CodeUnsupported, "%s depends on data, which is not available here", what)
	}
	plan := &Plan{Columns: make([]Column, len(rel.cols)), Doubles: b.doubles}
	outputs := make([]string, len(rel.cols))
	for i, c := range rel.cols {
		plan.Columns[i] = Column{Name: c.name, Type: c.typ}
		outputs[i] = wireSQL(c.id, c.typ)
	}
	plan.SQL = b.sharing() + "SELECT " + strings.Join(outputs, ", ") + " FROM (" + rel.sql + ")" + rel.orderBy() +
		" LIMIT " + strconv.Itoa(mostProbed+1)
	rows, err := b.opts.Probe(plan)
	if err != nil {
		panic(probeError{err})
	}
	if len(rows) > mostProbed {
		b.tooWide(at, what)
	}
	return rows
}

// tooWide refuses a result with more columns than one can have, before they are bound.
func (b *binder) tooWide(at syntax.Node, what string) {
	b.fail(at, syntax.CodeUnsupported, "%s has more than %d columns", what, syntax.MaxColumns)
}

// aggregate binds an aggregate function; env allows aggregates, its arguments are bound with env.plain().
type aggregate func(b *binder, x syntax.CallNode, env env) *expr

// checkSize refuses relations that inlining has blown up.
func (b *binder) checkSize(rel *relation) {
	b.spend(nil, len(rel.sql)+64*len(rel.cols))
	if len(rel.sql) > maxSQL {
		b.fail(nil, syntax.CodeUnsupported, "The query grows to more than %d bytes when its let statements are inlined",
			maxSQL)
	}
	if len(rel.cols) > syntax.MaxColumns {
		b.fail(nil, syntax.CodeUnsupported, "The query has an intermediate result of more than %d columns", syntax.MaxColumns)
	}
}

// ingestionColumns are the ids of the columns that say how a stored table's rows came in.
type ingestionColumns struct {
	time    string // datetime, in ticks
	extent  string // the number of the extent
	extents string // SQL of Table.Extents
}

// sharing returns what stands in front of SQL that reads shared relations.
func (b *binder) sharing() string {
	if len(b.shared) == 0 {
		return ""
	}
	return "WITH " + strings.Join(b.shared, ", ") + " "
}

// isCall reports whether a let statement's expression is a call of the function.
func (b *binding) isCall(name string) bool {
	call, ok := b.x.(syntax.CallNode)
	return ok && call.Name == name
}

// specialForm binds a function whose typing, naming or evaluation does not fit a signature.
type specialForm func(b *binder, x syntax.CallNode, env env) *expr
