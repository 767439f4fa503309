package kql

import (
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// ipLookup binds ipv4_lookup and ipv6_lookup(table, key, range[, return_unmatched]): a join of addresses with ranges.
func ipLookup(function string, lookupFirst bool) plugin {
	return func(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
		args := op.Call.Args
		bindArity(b, *op.Call, 3, 4)
		ranges := b.table(args[0].X, s)
		key := bindAsText(b, bindScalar(b, args[1].X, env{scope: s, rel: rel}))
		network := bindAsText(b, bindScalar(b, args[2].X, env{scope: s, rel: ranges}))
		return bindLookup(b, rel, ranges, goCall(function, value.Bool, key.sql, network.sql),
			bindReturnUnmatched(b, args[3:], s), lookupFirst)
	}
}

// bindPolygonLookup binds geo_polygon_lookup(table, polygon, lng, lat[, radius][,
// return_unmatched]): the polygons a point lies in, or not farther from than a radius in metres.
func bindPolygonLookup(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	bindArity(b, *op.Call, 4, 8)
	return bindGeoLookup(b, rel, op, s, "geo_distance_point_to_polygon")
}

// bindLineLookup binds geo_line_lookup(table, line, lng, lat, radius[, return_unmatched]): the
// lines not farther from a point than a radius in metres.
func bindLineLookup(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	bindArity(b, *op.Call, 5, 8)
	return bindGeoLookup(b, rel, op, s, "geo_distance_point_to_line")
}

// bindGeoLookup joins points with shapes by distance; the shape itself is left out unless
// return_lookup_key asks for it.
func bindGeoLookup(b *binder, rel *relation, op syntax.EvaluateOp, s *scope, distance string) *relation {
	shapes := b.table(op.Call.Args[0].X, s)
	shape := bindCoerce(b, bindScalar(b, op.Call.Args[1].X, env{scope: s, rel: shapes}), value.Dynamic)
	lng := bindCoerce(b, bindScalar(b, op.Call.Args[2].X, env{scope: s, rel: rel}), value.Real)
	lat := bindCoerce(b, bindScalar(b, op.Call.Args[3].X, env{scope: s, rel: rel}), value.Real)
	radius := constant(value.Real, 0.0, op)
	unmatched, withKey := false, false
	for i, a := range op.Call.Args[4:] {
		e := bindScalar(b, a.X, env{scope: s})
		switch {
		case a.Name == "radius" || a.Name == "" && i == 0 && e.typ.Numeric():
			radius = bindCoerce(b, e, value.Real)
		case a.Name == "return_unmatched" || a.Name == "" && e.typ == value.Bool && !unmatched && i <= 1:
			unmatched, _ = bindConstantValue(b, e, "return_unmatched").(bool)
		case a.Name == "return_lookup_key":
			withKey, _ = bindConstantValue(b, e, a.Name).(bool)
		default:
			b.fail(a.X, syntax.CodeUnsupported, "%s: the argument '%s' is not supported", op.Call.Name, a.Name)
		}
	}
	on := goCall(distance, value.Real, lng.sql, lat.sql, shape.sql) + " <= " + radius.sql
	if !withKey && shape.isColumn() {
		var cols []column
		for _, c := range shapes.cols {
			if c.id != shape.sql {
				cols = append(cols, c)
			}
		}
		shapes = shapes.keep(cols)
	}
	return bindLookup(b, rel, shapes, on, unmatched, false)
}

// bindReturnUnmatched reads the optional last argument of the lookup plugins.
func bindReturnUnmatched(b *binder, args []syntax.Argument, s *scope) bool {
	if len(args) == 0 {
		return false
	}
	v, _ := bindConstantValue(b, bindScalar(b, args[0].X, env{scope: s}), "return_unmatched").(bool)
	return v
}

// bindLookup joins a table with a lookup table on an SQL condition.
func bindLookup(b *binder, rel, table *relation, on string, unmatched, lookupFirst bool) *relation {
	clause := "JOIN"
	if unmatched {
		clause = "LEFT JOIN"
	}
	joined := &relation{sql: "SELECT * FROM (" + rel.sql + ") " + clause + " (" + table.sql + ") ON " + on}
	var source, looked []item
	for _, c := range rel.cols {
		source = append(source, item{sql: c.id, col: c})
	}
	for _, c := range table.cols {
		it := item{sql: c.id, col: c}
		if unmatched && c.typ == value.String {
			it = item{sql: notNullString(c.id), col: column{name: c.name, typ: c.typ, id: b.newID()}}
		}
		it.col.name = uniqueName(c.name, func(n string) bool { return rel.index(n) >= 0 })
		looked = append(looked, it)
	}
	if lookupFirst {
		return bindProject(b, joined, append(looked, source...))
	}
	return bindProject(b, joined, append(source, looked...))
}
