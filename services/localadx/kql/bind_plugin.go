package kql

import (
	"slices"
	"sort"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// plugin binds evaluate name(…).
type plugin func(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation

// plugins returns the plugins this server has.
func plugins() map[string]plugin {
	return map[string]plugin{
		"pivot": bindPivot, "bag_unpack": bindBagUnpack, "narrow": bindNarrow, "rows_near": bindRowsNear,
		"sliding_window_counts": bindSlidingWindowCounts, "activity_counts_metrics": bindActivityCounts,
		"rolling_percentile": bindRollingPercentile, "active_users_count": bindActiveUsers,
		"session_count": bindSessionCount, "dcount_intersect": bindDcountIntersect,
		"ipv4_lookup": ipLookup("ipv4_is_in_range", false), "ipv6_lookup": ipLookup("ipv6_is_in_range", true),
		"geo_polygon_lookup": bindPolygonLookup, "geo_line_lookup": bindLineLookup, "schema_merge": bindSchemaMerge,
	}
}

func bindEvaluate(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	all := plugins()
	p, ok := all[op.Call.Name]
	if !ok {
		names := make([]string, 0, len(all))
		for name := range all {
			names = append(names, name)
		}
		sort.Strings(names)
		b.failHint(op, syntax.CodeUnsupported, "supported: "+strings.Join(names, ", "),
			"The plugin '%s' is not supported", op.Call.Name)
	}
	if rel == nil {
		b.fail(op, syntax.CodeSemantic, "The plugin '%s' needs a table before it", op.Call.Name)
	}
	out := p(b, rel, op, s)
	if (op.Star || op.Schema != nil) && op.Call.Name != "bag_unpack" {
		same := func(c column, d syntax.ColumnDef) bool { return c.name == d.Name && c.typ == d.Type }
		if op.Star || !slices.EqualFunc(out.cols, op.Schema, same) {
			b.failHint(op, syntax.CodeUnsupported, "leave the output schema out",
				"%s: an output schema that is not that of the result is not supported", op.Call.Name)
		}
	}
	return out
}

// bindPivot binds pivot(column[, aggregate[, keys…]]): a column per value of the column, in name order.
func bindPivot(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	args := op.Call.Args
	bindArity(b, *op.Call, 1, -1)
	on := bindScalar(b, args[0].X, env{scope: s, rel: rel})
	if !on.isColumn() {
		b.fail(args[0].X, syntax.CodeArguments, "pivot: the first argument must be a column")
	}
	aggregateNode := syntax.Node(syntax.CallNode{Name: "count", Span: op.Span})
	if len(args) > 1 {
		aggregateNode = args[1].X
	}
	used := map[string]bool{on.sql: true}
	markColumns(aggregateNode, rel, used)
	var keys []column
	if len(args) > 2 {
		for _, a := range args[2:] {
			c, ok := rel.column(bindScalar(b, a.X, env{scope: s, rel: rel}).name)
			if !ok {
				b.fail(a.X, syntax.CodeArguments, "pivot: the keys must be columns")
			}
			keys = append(keys, c)
		}
	} else {
		for _, c := range rel.cols {
			if !used[c.id] {
				keys = append(keys, c)
			}
		}
	}
	id := b.newID()
	text := bindAsText(b, on).sql
	values := &relation{sql: "SELECT DISTINCT " + text + " AS " + id + " FROM (" + rel.sql + ")",
		cols: []column{{typ: value.String, id: id}}, order: []orderKey{{id: id}}}
	var names []string
	for _, row := range b.probe(op, values, "The result of pivot") {
		name, _ := row[0].(string)
		names = append(names, name)
	}
	if len(keys)+len(names) > syntax.MaxColumns {
		b.tooWide(op, "The result of pivot")
	}
	return bindPivotColumns(b, rel, op, text, aggregateNode, keys, names, s)
}

func bindPivotColumns(b *binder, rel *relation, op syntax.EvaluateOp, text string, aggregateNode syntax.Node,
	keys []column, names []string, s *scope) *relation {
	out := &relation{}
	var parts, group []string
	for i, k := range keys {
		id := b.newID()
		parts = append(parts, k.id+" AS "+id)
		out.cols = append(out.cols, column{name: k.name, typ: k.typ, id: id})
		group = append(group, string(rune('1'+i)))
		if i > 8 {
			group[i] = k.id
		}
	}
	for _, name := range names {
		filtered := bindFilter(b, rel, "TRUE")
		only := &restriction{condition: text + " = " + quoteSQL(name)}
		e := bindScalar(b, aggregateNode, env{scope: s, rel: filtered, aggregate: true, only: only})
		if only.taken == 0 || only.ignored {
			b.fail(op, syntax.CodeUnsupported, "pivot: this aggregate is not supported")
		}
		id := b.newID()
		parts = append(parts, e.sql+" AS "+id)
		out.cols = append(out.cols, column{name: uniqueName(name, func(n string) bool { return indexOf(out.cols, n) >= 0 }),
			typ: e.typ, id: id})
	}
	if len(parts) == 0 {
		parts = []string{"1 AS none"}
	}
	out.sql = "SELECT " + strings.Join(parts, ", ") + " FROM (" + rel.sql + ")"
	if len(group) > 0 {
		out.sql += " GROUP BY " + strings.Join(group, ", ")
	}
	return out
}

// bindBagUnpack binds bag_unpack(column[, prefix][, columnsConflict][, ignoredProperties]): a
// column per property, in name order.
func bindBagUnpack(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	bindArity(b, *op.Call, 1, 4)
	bag := bindScalar(b, op.Call.Args[0].X, env{scope: s, rel: rel})
	if bag.typ != value.Dynamic || !bag.isColumn() {
		b.fail(op, syntax.CodeArguments, "bag_unpack: the first argument must be a dynamic column")
	}
	prefix, conflict, ignored := "", "error", map[string]bool{}
	for i, a := range op.Call.Args[1:] {
		name := a.Name
		if name == "" {
			name = []string{"OutputColumnPrefix", "columnsConflict", "ignoredProperties"}[i]
		}
		v, _ := bindConstantValue(b, bindScalar(b, a.X, env{scope: s}), name).(string)
		switch name {
		case "OutputColumnPrefix":
			prefix = v
		case "columnsConflict":
			if v != "error" && v != "keep_source" && v != "replace_source" {
				b.fail(a.X, syntax.CodeArguments,
					"bag_unpack: columnsConflict must be 'error', 'replace_source' or 'keep_source' but is '%s'", v)
			}
			conflict = v
		case "ignoredProperties":
			decoded, _ := value.DecodeDynamic(v)
			list, _ := decoded.([]any)
			for _, p := range list {
				ignored[value.DynamicText(p)] = true
			}
		default:
			b.fail(op, syntax.CodeArguments, "bag_unpack: the argument '%s' is not known", name)
		}
	}
	if op.Star {
		var all []syntax.ColumnDef
		for _, c := range rel.cols {
			if c.id != bag.sql {
				all = append(all, syntax.ColumnDef{Name: c.name, Type: c.typ})
			}
		}
		op.Schema = append(all, op.Schema...)
	}
	var props []Column
	if op.Schema == nil {
		props = bindBagProperties(b, rel, bag, op)
	} else {
		for _, c := range op.Schema {
			if i := indexOf(rel.cols, c.Name); i < 0 {
				props = append(props, Column(c))
			}
		}
	}
	var items []item
	cols := make([]column, 0, len(rel.cols))
	own := ""
	for _, c := range rel.cols {
		if c.id != bag.sql {
			cols = append(cols, c)
		} else {
			own = c.name
		}
	}
	for _, p := range props {
		if ignored[p.Name] {
			continue
		}
		name := prefix + p.Name
		if name == own && op.Schema == nil && (len(cols) > 0 || len(props) > 1) {
			b.failHint(op, syntax.CodeUnsupported, "rename the column before",
				"bag_unpack: a property with the name of the unpacked column, '%s', is not supported: where its column stands is not known", name)
		}
		if indexOf(cols, name) >= 0 {
			switch conflict {
			case "keep_source":
				continue
			case "error":
				b.failHint(op, syntax.CodeSemantic, "set columnsConflict",
					"bag_unpack: the property '%s' conflicts with a column of that name", name)
			}
		}
		e := bindCoerce(b, bindProperty(b, bag, p.Name), p.Type)
		items = append(items, item{sql: e.sql, col: column{name: name, typ: p.Type, id: b.newID()}})
	}
	cols = replaceColumns(cols, items)
	if op.Schema != nil {
		// Only the columns of the schema are returned, in its order.
		for i, c := range op.Schema {
			at := indexOf(cols, c.Name)
			if at < i || cols[at].typ != c.Type {
				b.failHint(op, syntax.CodeUnsupported,
					"name the columns of the input with their types, and properties without a prefix",
					"bag_unpack: the column '%s' of the output schema is not supported", c.Name)
			}
			cols[i], cols[at] = cols[at], cols[i]
		}
		return bindExtend(b, rel, items).keep(cols[:len(op.Schema)])
	}
	return bindExtend(b, rel, items).keep(cols)
}

// bindBagProperties returns the names and types of all properties of a column's bags, in name
// order. Properties with values of different types are dynamic.
func bindBagProperties(b *binder, rel *relation, bag *expr, op syntax.EvaluateOp) []Column {
	key, kind := b.newID(), b.newID()
	types := goCall("bag_types", value.Dynamic, bag.sql)
	entries := "SELECT DISTINCT unnest(CAST(json_extract(" + types + ", '$[*]') AS VARCHAR[])) AS p FROM (" + rel.sql + ")"
	list := &relation{
		sql: "SELECT json_extract_string(p, '$[0]') AS " + key + ", json_extract_string(p, '$[1]') AS " + kind +
			" FROM (" + entries + ")",
		cols:  []column{{typ: value.String, id: key}, {typ: value.String, id: kind}},
		order: []orderKey{{id: key}, {id: kind}},
	}
	var out []Column
	for _, row := range b.probe(op, list, "The result of bag_unpack") {
		name, _ := row[0].(string)
		typeName, _ := row[1].(string)
		t, _ := value.ParseType(typeName)
		if n := len(out); n > 0 && out[n-1].Name == name {
			switch {
			case out[n-1].Type == value.Unknown:
				out[n-1].Type = t
			case t == value.Unknown:
			default:
				out[n-1].Type = value.Dynamic
			}
			continue
		}
		out = append(out, Column{Name: name, Type: t})
	}
	if len(out) > syntax.MaxColumns {
		b.tooWide(op, "The result of bag_unpack")
	}
	for i := range out {
		if out[i].Type == value.Unknown {
			out[i].Type = value.Dynamic
		}
	}
	return out
}

// bindNarrow binds narrow(): a row per cell.
func bindNarrow(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	bindArity(b, *op.Call, 0, 0)
	row := b.newID()
	numbered := "SELECT *, row_number() " + rel.over() + " - 1 AS " + row + " FROM (" + rel.sql + ")"
	rowOut, colOut, valueOut, ord := b.newID(), b.newID(), b.newID(), b.newID()
	var branches []string
	for i, c := range rel.cols {
		branches = append(branches, "SELECT "+row+" AS "+rowOut+", "+quoteSQL(c.name)+" AS "+colOut+", "+bindAsText(b,
			bindColumnExpr(b, c)).sql+" AS "+valueOut+", "+literalSQL(value.Long, int64(i))+" AS "+ord+" FROM ("+numbered+")")
	}
	return &relation{
		sql: strings.Join(branches, " UNION ALL "),
		cols: []column{{name: "Row", typ: value.Long, id: rowOut}, {name: "Column", typ: value.String, id: colOut},
			{name: "Value", typ: value.String, id: valueOut}},
		order: []orderKey{{id: rowOut}, {id: ord}},
	}
}
