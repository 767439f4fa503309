package incremental

import (
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
)

// keyTerms are the key columns that rows are ordered by, with the values of a key.
func keyTerms(rel *pgmodel.Relation, key []int, values progress.Key) []pgrepl.OrderTerm {
	var terms []pgrepl.OrderTerm
	for i, at := range key {
		c := &rel.Columns[at]
		t := pgrepl.OrderTerm{SQL: pgrepl.QuoteIdent(c.Name), Nullable: !c.NeverNull, Operators: c.Type.OrderSchema()}
		if values[i] != nil {
			t.Value = pgrepl.TypedLiteral(*values[i], c.Declared)
		}
		terms = append(terms, t)
	}
	return terms
}
