package kql

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// Compile turns a query with one result into a plan. Its error is an *Error, or what Options.Probe returned.
func Compile(query string, opts Options) (*Plan, error) {
	plans, err := CompileAll(query, opts)
	if err != nil {
		return nil, err
	}
	if len(plans) > 1 {
		return nil, &syntax.Error{Code: syntax.CodeUnsupported,
			Message: fmt.Sprintf("The text has %d queries, and one was expected", len(plans)), Permanent: true}
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
	b := &binder{text: query, opts: opts, now: value.TicksOf(opts.Now), options: map[string]*expr{},
		tables: map[*binding]*relation{}, scalars: map[*binding]*expr{}, special: specialForms(), aggregates: aggregates(),
		rules: &grammar}
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
	return bindQueries(b, statements), nil
}

// maxResults bounds the results of one request.
const maxResults = 100

// bindQueries binds the statements of a request, each in the scope of those before it.
func bindQueries(b *binder, statements []syntax.Statement) []*Plan {
	var plans []*Plan
	var s *scope
	statements = withoutForks(statements)
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
			s = bindDeclare(b, st, s)
			continue
		}
		// Each is run by itself, with what it shares of its own; what planning may cost is bounded for all.
		b.render, b.shared, b.tables, b.scalars = nil, nil, map[*binding]*relation{}, map[*binding]*expr{}
		rel := b.table(query.X, s)
		if query.Forked && rel.volatile {
			b.failHint(query, syntax.CodeUnsupported, "send each branch in a request of its own",
				"fork: the branches would see different random values")
		}
		plans = append(plans, bindPlan(b, rel))
	}
	if len(plans) == 0 {
		b.fail(nil, syntax.CodeSyntax, noQuery)
	}
	return plans
}

// withoutForks puts a query for each branch of a fork in the place of one that ends with it.
func withoutForks(statements []syntax.Statement) []syntax.Statement {
	var out []syntax.Statement
	for _, st := range statements {
		query, _ := st.(syntax.QueryStatement)
		pipe, _ := query.X.(syntax.PipelineNode)
		var fork syntax.ForkOp
		if n := len(pipe.Ops); n > 0 {
			fork, _ = pipe.Ops[n-1].(syntax.ForkOp)
		}
		if len(fork.Branches) == 0 {
			out = append(out, st)
			continue
		}
		common := pipe.Ops[:len(pipe.Ops)-1]
		for _, branch := range fork.Branches {
			pipe.Ops = slices.Concat(common, branch)
			out = append(out, syntax.QueryStatement{X: pipe, Forked: true, Span: query.Span})
		}
	}
	return out
}

// bindPlan ends a query: its columns in the form that rows hand out.
func bindPlan(b *binder, rel *relation) *Plan {
	rel.graph.table(b, nil)
	plan := &Plan{Visualization: b.render, Columns: make([]Column, len(rel.cols)), Doubles: b.doubles}
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
		b.fail(nil, syntax.CodeUnsupported, "The query grows to more than %d bytes when its let statements are inlined",
			maxSQL)
	}
	return plan
}

// grammar is the rules of the language.
var grammar = rules{
	call:           bindCallExpr,
	callLambda:     bindCallLambda,
	in:             bindIn,
	stringOperator: bindStringOperator,
	scalarOnce:     bindScalarOnce,
	graphMember:    bindGraphMember,
	aggregateCall:  bindAggregateCall,
	isTabular:      bindIsTabular,
	table:          bindTable,
	operators:      bindOperators,
	union:          bindUnion,
	materialized:   bindMaterialized,
}
