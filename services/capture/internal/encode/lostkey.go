package encode

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// LostKey says which columns of the events' key the server does not send of a row that is gone, and
// what sends them; empty if it sends all, or refuses updates and deletes. Without their values a
// delete, or the delete of the old key when a key changes, names no row.
func LostKey(rel *pgmodel.Relation, columns []debezium.EventColumn) string {
	var identity, lost []string
	for _, c := range rel.Columns {
		if c.InIdentity {
			identity = append(identity, c.Name)
		}
	}
	for _, c := range columns {
		if c.KeyPosition > 0 && !c.Column.InIdentity {
			lost = append(lost, c.Column.Name)
		}
	}
	if len(identity) == 0 || len(lost) == 0 {
		return ""
	}
	return fmt.Sprintf("The key of its events has %s, which the replica identity (%s) does not: events of deleted "+
		"rows and of keys that changed have no value for it, so that readers of the topic keep rows that are gone: "+
		"ALTER TABLE %s REPLICA IDENTITY FULL; sends it.",
		strings.Join(lost, ", "), strings.Join(identity, ", "), pgrepl.QuoteTable(rel.Schema, rel.Name))
}
