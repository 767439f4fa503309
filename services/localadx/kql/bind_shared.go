package kql

import (
	"fmt"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// share makes a relation one that the query computes once, however often it is read.
func (b *binder) share(rel *relation) *relation {
	if b.results > 1 && rel.volatile {
		b.failHint(nil, syntax.CodeUnsupported, "send each query in a request of its own",
			"A table of random values is computed again for each query of a request, where the service may compute it once")
	}
	name := fmt.Sprintf("kql_shared_%d", len(b.shared)+1)
	b.shared = append(b.shared, name+" AS MATERIALIZED ("+rel.sql+")")
	out := rel.with("SELECT * FROM " + name)
	out.volatile = false
	return out
}

// bindMaterialized returns the table of a let statement whose expression is materialize(…).
func bindMaterialized(b *binder, bound *binding) *relation {
	rel, ok := b.tables[bound]
	if !ok {
		apart(b, func() { rel = b.share(b.table(bound.x, bound.scope)) })
		b.tables[bound] = rel
	}
	return bindCopyOf(b, rel, rel.name)
}

// bindScalarOnce returns the value of a let statement whose expression is toscalar(…) of a table.
func bindScalarOnce(b *binder, bound *binding, inner env) *expr {
	e, ok := b.scalars[bound]
	if !ok {
		noted := apart(b, func() { e = bindScalar(b, bound.x, inner) })
		if !e.isConst {
			shared := *e
			source := &relation{sql: "SELECT " + e.sql + " AS v", volatile: noted.volatile}
			shared.sql = "(SELECT v FROM (" + b.share(source).sql + "))"
			if e.typ == value.String {
				shared.sql = notNullString(shared.sql)
			}
			e = &shared
		}
		b.scalars[bound] = e
	}
	return e
}
