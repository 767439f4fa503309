package kql

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// maxScanState bounds the state of scan: each step has a match, in which each step has a row.
const maxScanState = 2000

// scanBinder lowers one scan operator to a recursive query over the numbered rows.
//
// Each step k holds at most one active match, its state: the match's number and the row each step
// took last. A row is offered to the steps from the last to the first. Step k takes it if step k-1
// has a match and the condition holds for it (the match moves on to k, replacing what k had), or
// else if k has a match and the condition holds for that. Step 1 starts a match where it has none.
// In SQL a state is a struct {m, s1 … sn} or null, and each step is a SELECT layer that computes
// the state columns again.
type scanBinder struct {
	binder  *binder
	op      syntax.ScanOp
	scope   *scope
	rel     *relation // the numbered rows
	fields  []column  // row columns, then declared columns
	rowType string    // SQL type of one step's row
	typ     string    // SQL type of a state
	declare []*expr   // defaults of the declared columns
}

func bindScanOperator(b *binder, rel *relation, op syntax.ScanOp, s *scope) *relation {
	if !rel.serialized {
		b.failHint(op, syntax.CodeSemantic, "sort the rows or add '| serialize'", "scan: the rows must be serialized")
	}
	sb := &scanBinder{binder: b, op: op, scope: s, fields: append([]column(nil), rel.cols...)}
	for _, step := range op.Steps {
		if step.Optional || step.Output == "last" {
			b.fail(step, syntax.CodeUnsupported, "scan: 'optional' and 'output=last' are not supported")
		}
	}
	for _, d := range op.Declare {
		value := constant(d.Type, nil, op)
		if d.Default != nil {
			value = bindCoerce(b, bindScalar(b, d.Default, env{scope: s}), d.Type)
		}
		sb.declare = append(sb.declare, value)
		sb.fields = append(sb.fields, column{name: d.Name, typ: d.Type, id: b.newID()})
	}
	if len(op.Steps)*len(op.Steps)*len(sb.fields) > maxScanState {
		b.failHint(op, syntax.CodeUnsupported, "project the columns that the steps need before",
			"scan: %d steps over %d columns are more than are supported", len(op.Steps), len(sb.fields))
	}
	parts := make([]string, len(sb.fields))
	for i, f := range sb.fields {
		parts[i] = fmt.Sprintf("f%d %s", i, f.typ.Physical())
	}
	sb.rowType = "STRUCT(" + strings.Join(parts, ", ") + ")"
	states := []string{"m BIGINT"}
	for i := range op.Steps {
		states = append(states, fmt.Sprintf("s%d %s", i, sb.rowType))
	}
	sb.typ = "STRUCT(" + strings.Join(states, ", ") + ")"
	return sb.lower(rel)
}

// lower builds the recursive query and reads the accepted rows from it.
func (sb *scanBinder) lower(rel *relation) *relation {
	number := sb.binder.newID()
	sb.rel = rel
	rows := "SELECT *, row_number() " + rel.over() + " AS " + number + " FROM (" + rel.sql + ")"
	n := len(sb.op.Steps)
	initial := []string{"0::BIGINT AS rn", "0::BIGINT AS id"}
	for k := range n {
		initial = append(initial, fmt.Sprintf("NULL::%s AS p%d, NULL::%s AS o%d", sb.typ, k, sb.typ, k))
	}
	source := "SELECT r.*, l.id" + sb.states("l.") + " FROM loop l JOIN rows_ r ON r." + number + " = l.rn + 1"
	for k := n - 1; k >= 0; k-- {
		source = sb.layer(source, k)
	}
	var step strings.Builder
	step.WriteString("SELECT " + number + ", id")
	for k := range n {
		fmt.Fprintf(&step, ", p%d, o%d", k, k)
	}
	query := "WITH RECURSIVE rows_ AS MATERIALIZED (" + rows + "), loop AS (SELECT " + strings.Join(initial,
		", ") + " UNION ALL " + step.String() + " FROM (" + source + ")) "
	return sb.results(query)
}

func (sb *scanBinder) states(prefix string) string {
	var out strings.Builder
	for k := range sb.op.Steps {
		fmt.Fprintf(&out, ", %sp%d", prefix, k)
	}
	return out.String()
}

// layer offers the row to step k: it replaces p{k}, may clear p{k-1} and count up id, and adds
// o{k}, the state the row was accepted with.
func (sb *scanBinder) layer(source string, k int) string {
	own := fmt.Sprintf("p%d", k)
	before := fmt.Sprintf("p%d", k-1)
	moved := "(" + own + " IS NULL AND " + sb.condition(k, "NULL::"+sb.typ) + ")"
	origin := "NULL::" + sb.typ
	if k > 0 {
		moved = "(" + before + " IS NOT NULL AND " + sb.condition(k, before) + ")"
		origin = before
	}
	flags := fmt.Sprintf(
		"SELECT *, coalesce(%s, FALSE) AS moved%d, coalesce(%s IS NOT NULL AND %s, FALSE) AS kept%d FROM (%s)", moved, k, own,
		sb.condition(k, own), k, source)
	next := fmt.Sprintf("CASE WHEN moved%d THEN %s WHEN kept%d THEN %s END", k, sb.advance(k, origin, k == 0), k,
		sb.advance(k, own, false))
	taken := fmt.Sprintf("SELECT *, %s AS o%d FROM (%s)", next, k, flags)
	replaced := []string{fmt.Sprintf("coalesce(o%d, %s) AS %s", k, own, own)}
	if k > 0 {
		replaced = append(replaced, fmt.Sprintf("CASE WHEN moved%d THEN NULL ELSE %s END AS %s", k, before, before))
	} else {
		replaced = append(replaced, "CASE WHEN moved0 THEN id + 1 ELSE id END AS id")
	}
	return "SELECT * REPLACE (" + strings.Join(replaced, ", ") + ") FROM (" + taken + ")"
}

// env returns where the expressions of a step are bound, the states being those of a match.
func (sb *scanBinder) env(state string) env {
	steps := map[string]map[string]*expr{}
	for i, step := range sb.op.Steps {
		cols := map[string]*expr{}
		for j, f := range sb.fields {
			sql := fmt.Sprintf("(%s).s%d.f%d", state, i, j)
			if d := j - (len(sb.fields) - len(sb.declare)); d >= 0 {
				sql = "coalesce(" + sql + ", " + sb.declare[d].sql + ")"
			} else if f.typ == value.String {
				sql = notNullString(sql)
			}
			cols[f.name] = &expr{sql: sql, typ: f.typ, nullable: f.typ != value.String}
		}
		steps[step.Name] = cols
	}
	return env{scope: sb.scope, rel: sb.rel, steps: steps}
}

func (sb *scanBinder) condition(k int, state string) string {
	return bindBoolean(sb.binder, sb.op.Steps[k].When, sb.env(state)).filterSQL()
}

// advance returns the state after step k took the row.
func (sb *scanBinder) advance(k int, state string, start bool) string {
	e := sb.env(state)
	values := make([]string, len(sb.fields))
	for j, f := range sb.fields {
		values[j] = f.id
		if d := j - (len(sb.fields) - len(sb.declare)); d >= 0 {
			values[j] = sb.declare[d].sql
		}
	}
	for _, set := range sb.op.Steps[k].Set {
		j := -1
		for i, f := range sb.fields {
			if len(set.Names) == 1 && f.name == set.Names[0] {
				j = i
			}
		}
		if j < 0 {
			sb.binder.fail(set.X, syntax.CodeUnknownName, "scan: the assigned column is not declared")
		}
		values[j] = bindCoerce(sb.binder, bindScalar(sb.binder, set.X, e), sb.fields[j].typ).sql
	}
	row := make([]string, len(values))
	for j, v := range values {
		row[j] = fmt.Sprintf("'f%d': %s", j, v)
	}
	match := "(" + state + ").m"
	if start {
		match = "id"
	}
	parts := []string{"'m': " + match}
	for i := range sb.op.Steps {
		if i == k {
			parts = append(parts, fmt.Sprintf("'s%d': {%s}", i, strings.Join(row, ", ")))
		} else {
			parts = append(parts, fmt.Sprintf("'s%d': (%s).s%d", i, state, i))
		}
	}
	return "CAST({" + strings.Join(parts, ", ") + "} AS " + sb.typ + ")"
}

// results reads the rows that steps with output accepted, in row order and then in step order.
func (sb *scanBinder) results(query string) *relation {
	order, stepOrder := sb.binder.newID(), sb.binder.newID()
	out := &relation{serialized: true, order: []orderKey{{id: order}, {id: stepOrder}}}
	var branches []string
	ids := make([]string, len(sb.fields))
	for j, f := range sb.fields {
		ids[j] = sb.binder.newID()
		out.cols = append(out.cols, column{name: f.name, typ: f.typ, id: ids[j]})
	}
	match := sb.binder.newID()
	if sb.op.MatchID != "" {
		out.cols = append(out.cols, column{name: sb.op.MatchID, typ: value.Long, id: match})
	}
	for k, step := range sb.op.Steps {
		if step.Output == "none" {
			continue
		}
		parts := []string{"rn AS " + order, fmt.Sprintf("%d AS %s", k, stepOrder), fmt.Sprintf("(o%d).m AS %s", k, match)}
		for j := range sb.fields {
			parts = append(parts, fmt.Sprintf("(o%d).s%d.f%d AS %s", k, k, j, ids[j]))
		}
		branches = append(branches, fmt.Sprintf("SELECT %s FROM loop WHERE o%d IS NOT NULL", strings.Join(parts, ", "), k))
	}
	if len(branches) == 0 {
		sb.binder.fail(sb.op, syntax.CodeSemantic, "scan: no step has output")
	}
	out.sql = query + strings.Join(branches, " UNION ALL ")
	return out
}
