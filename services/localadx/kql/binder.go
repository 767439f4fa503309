package kql

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// maxSQL bounds the SQL one query becomes, in bytes: let statements are inlined, so text can grow exponentially.
const maxSQL = 8 << 20

// maxWork bounds the SQL that is written while a query is bound, in bytes: each operator writes its input's anew, so that a
// long chain of them costs the square of its length.
const maxWork = 128 << 20

// maxCalls bounds the nesting of function calls; stored functions may call each other in circles.
const maxCalls = 64

// binder turns a syntax tree into relations. One binder serves one query; it is not safe for concurrent use. Errors travel
// as panics of *Error (or of probeError) inside the binder; Compile recovers them.
type binder struct {
	text    string
	opts    Options
	now     int64 // ticks; what now() is
	ids     int
	calls   int
	work    int
	reads   int    // columns that were read, each as often as it weighs
	current string // the operator being bound, for messages
	render  *Render
	options map[string]*expr // set statements
	results int              // queries in the request
	// shared are relations that are computed once, as common table expressions; tables and scalars are those of let statements.
	shared  []string
	tables  map[*binding]*relation
	scalars map[*binding]*expr

	special    map[string]specialForm
	aggregates map[string]aggregate
}

// probeError carries a failure of Options.Probe out of the binder.
type probeError struct{ err error }

// binding is what a name stands for in a scope: exactly one of its fields is set, apart from scope.
type binding struct {
	x      syntax.Node // a let expression, bound anew at each use
	value  *expr       // a bound scalar: a function's argument
	table  *relation   // a bound table: a function's tabular argument, or as
	lambda *syntax.LambdaNode
	cases  *syntax.PatternStatement
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
	// keys are the group keys, as SQL: outside aggregates only they may be named.
	keys map[string]bool
	// extra collects columns that must be computed in SELECTs below the expression, one layer each: row functions, whose
	// arguments may contain others.
	extra *[]item
	// steps are the states of scan's steps: step name to column name to expression.
	steps map[string]map[string]*expr
}

func (e env) plain() env {
	e.aggregate = false
	return e
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

func (b *binder) errorAt(at syntax.Node, code, hint, format string, args ...any) *syntax.Error {
	err := &syntax.Error{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint, Permanent: true}
	if at != nil && at.Place().End > 0 && at.Place().Start <= len(b.text) {
		err.Line, err.Column = syntax.Position(b.text, at.Place().Start)
	}
	return err
}

// Compile turns a query with one result into a plan. Its error is an *Error, or what Options.Probe returned.
func Compile(query string, opts Options) (*Plan, error) {
	plans, err := CompileAll(query, opts)
	if err != nil {
		return nil, err
	}
	if len(plans) > 1 {
		return nil, &syntax.Error{Code: syntax.CodeUnsupported, Message: fmt.Sprintf("The text has %d queries, and one was expected", len(plans)), Permanent: true}
	}
	return plans[0], nil
}

// CompileAll turns the statements of a request into plans, one for each that has a result.
func CompileAll(query string, opts Options) (plans []*Plan, err error) {
	statements, wrong := syntax.Parse(query)
	if wrong != nil {
		return nil, wrong
	}
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	b := &binder{text: query, opts: opts, now: value.TicksOf(opts.Now), options: map[string]*expr{}, tables: map[*binding]*relation{}, scalars: map[*binding]*expr{}, special: specialForms(), aggregates: aggregates()}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *syntax.Error:
			plans, err = nil, r
		case probeError:
			plans, err = nil, r.err
		default:
			// A mistake of this package: the query fails, the server goes on.
			plans, err = nil, fmt.Errorf("compile query: internal error: %v", r)
		}
	}()
	return b.queries(statements), nil
}

// maxResults bounds the results of one request.
const maxResults = 100

// queries binds the statements of a request, each in the scope of those before it.
func (b *binder) queries(statements []syntax.Statement) []*Plan {
	var plans []*Plan
	var s *scope
	for _, st := range statements {
		if _, ok := st.(syntax.QueryStatement); ok {
			b.results++
		}
	}
	if b.results > maxResults {
		b.fail(nil, syntax.CodeUnsupported, "The request has %d queries and may have %d", b.results, maxResults)
	}
	for _, st := range statements {
		query, ok := st.(syntax.QueryStatement)
		if !ok {
			s = b.declare(st, s)
			continue
		}
		// Each is run by itself, with what it shares of its own.
		b.render, b.shared, b.tables, b.scalars = nil, nil, map[*binding]*relation{}, map[*binding]*expr{}
		plans = append(plans, b.plan(b.table(query.X, s)))
	}
	if len(plans) == 0 {
		b.fail(nil, syntax.CodeSyntax, noQuery)
	}
	return plans
}

// noQuery is what is said of statements without a result.
const noQuery = "The query has no expression that yields a result"

// plan ends a query: its columns in the form that rows hand out.
func (b *binder) plan(rel *relation) *Plan {
	plan := &Plan{Visualization: b.render, Columns: make([]Column, len(rel.cols))}
	outputs := make([]string, len(rel.cols))
	for i, c := range rel.cols {
		plan.Columns[i] = Column{Name: c.name, Type: c.typ}
		outputs[i] = wireSQL(c.id, c.typ) + " AS o" + fmt.Sprint(i)
	}
	if len(outputs) == 0 {
		outputs = []string{"NULL AS o0"}
	}
	plan.SQL = b.sharing() + "SELECT " + strings.Join(outputs, ", ") + " FROM (" + rel.sql + ")" + rel.orderBy()
	if len(plan.SQL) > maxSQL {
		b.fail(nil, syntax.CodeUnsupported, "The query grows to more than %d bytes when its let statements are inlined", maxSQL)
	}
	return plan
}

// wireSQL returns a column in the form Rows hands out: guid and decimal as text.
func wireSQL(sql string, t Type) string {
	switch t {
	case value.GUID:
		return "CAST(" + sql + " AS VARCHAR)"
	case value.Decimal:
		return decimalText(sql)
	case value.String:
		return notNullString(sql)
	case value.Datetime:
		// What a calculation takes out of the years 1 to 9999 is null, and no client could read it.
		return "CASE WHEN " + sql + " BETWEEN 0 AND " + strconv.FormatInt(value.MaxDatetime, 10) + " THEN " + sql + " END"
	}
	return sql
}

func decimalText(sql string) string {
	return "rtrim(rtrim(CAST(" + sql + " AS VARCHAR), '0'), '.')"
}

// body binds statements whose last is the query, in a new scope.
func (b *binder) body(statements []syntax.Statement, s *scope) *relation {
	x, s := b.declarations(statements, s)
	return b.table(x, s)
}

// declarations adds the let and declare statements to a scope and returns the query's expression.
func (b *binder) declarations(statements []syntax.Statement, s *scope) (syntax.Node, *scope) {
	var query syntax.Node
	for _, st := range statements {
		q, ok := st.(syntax.QueryStatement)
		if !ok {
			s = b.declare(st, s)
			continue
		}
		if query != nil {
			b.failHint(st, syntax.CodeUnsupported, "keep the last", "A function has one query")
		}
		query = q.X
	}
	if query == nil {
		b.fail(nil, syntax.CodeSyntax, noQuery)
	}
	return query, s
}

// declare adds what a statement names to a scope.
func (b *binder) declare(st syntax.Statement, s *scope) *scope {
	switch st := st.(type) {
	case syntax.LetStatement:
		return s.let(st)
	case syntax.SetStatement:
		if st.Value != nil {
			b.options[st.Name] = b.scalar(st.Value, env{scope: s})
		}
	case syntax.DeclareStatement:
		return b.queryParameters(st, s)
	case syntax.PatternStatement:
		return s.add(st.Name, &binding{cases: &st, scope: s})
	}
	return s
}

// queryParameters binds declare query_parameters to the values the request brought.
func (b *binder) queryParameters(st syntax.DeclareStatement, s *scope) *scope {
	for _, p := range st.Params {
		text, given := b.opts.Parameters[p.Name]
		var x syntax.Node
		switch {
		case given:
			x = parameterValue(p.Type, text)
		case p.Default != nil:
			x = p.Default
		default:
			b.fail(st, syntax.CodeSemantic, "Query parameter '%s' has no value and no default", p.Name)
		}
		lit, isLiteral := x.(syntax.LiteralNode)
		e := b.coerce(b.scalar(x, env{}), p.Type)
		unreadable := e.isConst && e.konst == nil && !strings.Contains(text, "null") ||
			isLiteral && lit.Type == value.String && (p.Type.Numeric() || p.Type == value.Bool)
		if given && unreadable {
			b.fail(st, syntax.CodeSemantic, "The value of query parameter '%s' is not a %s", p.Name, p.Type)
		}
		s = s.add(p.Name, &binding{value: e})
	}
	return s
}

// parameterValue reads the value of a query parameter. Clients send KQL literals, such as "x" in quotes or
// datetime(2020-01-01), or the bare text of a string, time or GUID, which must not be read as an expression: 2020-01-01 is no subtraction.
func parameterValue(t Type, text string) syntax.Node {
	bare := syntax.LiteralNode{Type: value.String, Value: text}
	trimmed := strings.TrimSpace(text)
	quoted := trimmed != "" && strings.ContainsRune("\"'@", rune(trimmed[0]))
	call := strings.HasSuffix(trimmed, ")") && strings.Contains(trimmed, "(")
	switch t {
	case value.String:
		if !quoted {
			return bare
		}
	case value.Datetime, value.Timespan, value.GUID:
		if !quoted && !call {
			return bare
		}
	case value.Dynamic:
		if !quoted && !call {
			if v, err := value.DecodeDynamic(text); err == nil {
				return syntax.LiteralNode{Type: value.Dynamic, Value: value.EncodeDynamic(v)}
			}
			return bare
		}
	}
	x, err := syntax.ParseExpression(text)
	if err != nil {
		return bare
	}
	return x
}

// probe runs a plan that answers a question about data while the query is being bound.
func (b *binder) probe(at syntax.Node, rel *relation, what string) [][]any {
	if b.opts.Probe == nil {
		b.fail(at, syntax.CodeUnsupported, "%s depends on data, which is not available here", what)
	}
	plan := &Plan{Columns: make([]Column, len(rel.cols))}
	outputs := make([]string, len(rel.cols))
	for i, c := range rel.cols {
		plan.Columns[i] = Column{Name: c.name, Type: c.typ}
		outputs[i] = wireSQL(c.id, c.typ)
	}
	plan.SQL = b.sharing() + "SELECT " + strings.Join(outputs, ", ") + " FROM (" + rel.sql + ")" + rel.orderBy()
	rows, err := b.opts.Probe(plan)
	if err != nil {
		panic(probeError{err})
	}
	return rows
}

// constantValue returns the value of an expression that must be known while binding.
func (b *binder) constantValue(e *expr, what string) any {
	if e.isConst {
		return e.konst
	}
	rel := &relation{sql: "SELECT " + e.sql + " AS k", cols: []column{{name: "k", typ: e.typ, id: "k"}}}
	rows := b.probe(e.at, rel, what)
	if len(rows) != 1 {
		b.fail(e.at, syntax.CodeArguments, "%s must be a constant", what)
	}
	v := rows[0][0]
	if n, ok := v.(int32); ok {
		v = int64(n)
	}
	return v
}

// constantLong returns the value of an expression that must be an integer constant.
func (b *binder) constantLong(x syntax.Node, env env, what string) int64 {
	e := b.scalar(x, env)
	if e.typ == value.Dynamic || e.typ == value.Real {
		e = b.coerce(e, value.Long)
	}
	n, ok := b.constantValue(e, what).(int64)
	if !ok {
		b.fail(x, syntax.CodeArguments, "%s must be a constant of type long", what)
	}
	return n
}

// constantString returns the value of an expression that must be a string constant.
func (b *binder) constantString(x syntax.Node, env env, what string) string {
	s, ok := b.constantValue(b.scalar(x, env), what).(string)
	if !ok {
		b.fail(x, syntax.CodeArguments, "%s must be a string constant", what)
	}
	return s
}
