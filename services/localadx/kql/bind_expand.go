package kql

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindMvExpand binds mv-expand: a row per element of one or several arrays side by side. A null is
// one null element, an empty array none; a bag expands to bags of one property, or to [name, value]
// arrays.
func bindMvExpand(b *binder, rel *relation, op syntax.MvExpandOp, s *scope) *relation {
	return bindExpand(b, rel, op, s, rel.cols)
}

// bindExpand replaces or appends the expanded columns; visible are the columns they are put among.
func bindExpand(b *binder, rel *relation, op syntax.MvExpandOp, s *scope, visible []column) *relation {
	lists := make([]item, len(op.Items))
	names := make([]string, len(op.Items))
	for i, it := range op.Items {
		e := bindScalar(b, it.X, env{scope: s, rel: rel})
		if e.typ != value.Dynamic {
			b.failHint(it.X, syntax.CodeArguments, "convert it with parse_json()",
				"mv-expand: the expression must be dynamic but is %s", e.typ)
		}
		names[i] = bindItemName(b, it, rel, s, i)
		lists[i] = item{sql: bindElements(b, e, op), col: column{id: b.newID()}}
	}
	rel = bindExtend(b, rel, lists)
	lengths := make([]string, len(lists))
	for i, l := range lists {
		lengths[i] = "len(" + l.col.id + ")"
	}
	count := "greatest(" + strings.Join(lengths, ", ") + ", 0)"
	index := b.newID()
	parts := []string{"*", "unnest(range(" + count + ")) AS " + index}
	raw := make([]string, len(lists))
	for i, l := range lists {
		raw[i] = b.newID()
		parts = append(parts, "unnest("+l.col.id+") AS "+raw[i])
	}
	rel = rel.with("SELECT " + strings.Join(parts, ", ") + " FROM (" + rel.sql + ")")
	var items []item
	for i, it := range op.Items {
		t := it.To
		if t == value.Unknown {
			t = value.Dynamic
		}
		items = append(items, item{sql: bindElementAs(b, raw[i], t, it), col: column{name: names[i], typ: t, id: b.newID()}})
	}
	if op.ItemIndex != "" {
		items = append(items, item{sql: "CAST(" + index + " AS BIGINT)",
			col: column{name: op.ItemIndex, typ: value.Long, id: b.newID()}})
	}
	out := bindExtend(b, rel, items).keep(replaceColumns(visible, items))
	out.order = append(append([]orderKey(nil), rel.order...), orderKey{id: index})
	if len(rel.order) == 0 {
		out.order = nil
	}
	return out
}

// bindElements returns SQL for the list of a dynamic's elements, as JSON texts.
func bindElements(b *binder, e *expr, op syntax.MvExpandOp) string {
	bag := goCall("bag_elements", value.Dynamic, e.sql, strings.ToUpper(strconv.FormatBool(op.Array)))
	sql := "CASE WHEN starts_with(" + e.sql + ", '[') THEN CAST(json_extract(" + e.sql + ", '$[*]') AS VARCHAR[])" +
		" WHEN starts_with(" + e.sql + ", '{') THEN CAST(json_extract(" + bag +
		", '$[*]') AS VARCHAR[]) ELSE [" + e.sql + "] END"
	if op.Limit != nil {
		sql = "(" + sql + ")[1:" + fmt.Sprint(bindConstantLong(b, op.Limit, env{}, "The limit")) + "]"
	}
	return sql
}

// bindElementAs converts an element to the type of a "to typeof()" clause: a number only from a number.
func bindElementAs(b *binder, id string, t Type, it syntax.MvItem) string {
	element := &expr{sql: "nullif(" + id + ", 'null')", typ: value.Dynamic, nullable: true, at: it.X}
	if t == value.Dynamic {
		return element.sql
	}
	converted := bindCoerce(b, element, t).sql
	if t.Numeric() || t == value.Bool {
		return "CASE WHEN NOT starts_with(" + id + ", '\"') THEN " + converted + " END"
	}
	return converted
}

// bindMvApply binds mv-apply: the subquery runs over the expanded rows of each row, as a lateral join.
func bindMvApply(b *binder, rel *relation, op syntax.MvExpandOp, s *scope) *relation {
	row := b.newID()
	outer := rel.with("SELECT *, row_number() " + rel.over() + " AS " + row + " FROM (" + rel.sql + ")")
	if len(outer.order) == 0 {
		outer.order = []orderKey{{id: row}}
	}
	// Inside the subquery the outer columns keep their ids: they are correlated references.
	inner := bindLateralSource(b, outer, op, s)
	sub := b.operators(inner, op.Apply.Ops, s)
	expanded := map[string]bool{}
	for i, it := range op.Items {
		expanded[bindItemName(b, it, outer, s, i)] = true
	}
	return bindApplied(b, outer, sub, expanded)
}

// bindItemName is the name of the column that an item of mv-expand yields.
func bindItemName(b *binder, it syntax.MvItem, rel *relation, s *scope, i int) string {
	if it.Name != "" {
		return it.Name
	}
	if name := bindScalar(b, it.X, env{scope: s, rel: rel}).name; name != "" {
		return name
	}
	return fmt.Sprintf("Column%d", i+1)
}

// bindLateralSource is the expansion of one outer row, as the source of a lateral subquery. Outer
// columns reach it under new ids, because a lateral subquery that selects an outer id again would
// make that id ambiguous.
func bindLateralSource(b *binder, outer *relation, op syntax.MvExpandOp, s *scope) *relation {
	var parts []string
	one := &relation{serialized: true}
	for _, c := range outer.cols {
		id := b.newID()
		parts = append(parts, c.id+" AS "+id)
		one.cols = append(one.cols, column{name: c.name, typ: c.typ, id: id})
	}
	if len(parts) == 0 {
		parts = []string{"1 AS one"}
	}
	ord := b.newID()
	parts = append(parts, "0 AS "+ord)
	one.sql = "SELECT " + strings.Join(parts, ", ")
	one.order = []orderKey{{id: ord}}
	return bindExpand(b, one, op, s, one.cols)
}

// bindApplied joins a lateral subquery to its outer rows: the outer columns, and what the subquery
// added. An outer column that was expanded under its own name is there only if the subquery kept
// it.
func bindApplied(b *binder, outer, sub *relation, expanded map[string]bool) *relation {
	out := &relation{order: outer.order, serialized: outer.serialized}
	out.sql = "SELECT * FROM (" + outer.sql + ") CROSS JOIN LATERAL (" + sub.sql + ")"
	var cols []column
	for _, c := range outer.cols {
		if !expanded[c.name] || indexOf(sub.cols, c.name) >= 0 {
			cols = append(cols, c)
		}
	}
	for _, c := range sub.cols {
		if i := indexOf(cols, c.name); i >= 0 {
			cols[i] = c
			continue
		}
		cols = append(cols, c)
	}
	out.cols = cols
	out.order = append(append([]orderKey(nil), outer.order...), sub.order...)
	return out
}

func indexOf(cols []column, name string) int {
	for i, c := range cols {
		if c.name == name {
			return i
		}
	}
	return -1
}

// bindPartition binds partition by key: ( … ) runs over the rows of each key, and { … } is a query
// of its own in which the key's name is its value.
func bindPartition(b *binder, rel *relation, op syntax.PartitionOp, s *scope) *relation {
	key := bindScalar(b, op.By, env{scope: s, rel: rel})
	if !key.isColumn() {
		b.fail(op.By, syntax.CodeArguments, "partition: the key must be a column")
	}
	id := b.newID()
	keys := &relation{sql: "SELECT DISTINCT " + key.sql + " AS " + id + " FROM (" + rel.sql + ")"}
	var sub *relation
	if op.Explicit != nil {
		sub = b.table(op.Explicit,
			s.add(op.By.Name, &binding{value: &expr{sql: id, column: id, typ: key.typ, at: op.By, nullable: key.nullable},
				facts: facts{columns: []string{id}}}))
	} else {
		rows := bindCopyOf(b, rel, rel.name)
		c, _ := rows.column(key.name)
		rows = bindFilter(b, rows, c.id+" IS NOT DISTINCT FROM "+id)
		rows.serialized = rel.serialized
		sub = b.operators(rows, op.Sub.Ops, s)
	}
	out := &relation{cols: sub.cols, order: append([]orderKey{{id: id}}, sub.order...)}
	out.sql = "SELECT * FROM (" + keys.sql + ") CROSS JOIN LATERAL (" + sub.sql + ")"
	return out
}
