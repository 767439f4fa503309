package status

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
)

// Describe describes a captured table as of one of its versions, with what the server keeps back
// from it.
func Describe(rel *pgmodel.Relation, events *debezium.Config, keptBack []string, version int) Table {
	return Table{
		Name: pgrepl.Table{Schema: rel.Schema, Name: rel.Name}.String(), Topic: events.TableTopic(rel.Schema, rel.Name),
		Version:         version,
		ReplicaIdentity: history.IdentityName(rel.ReplicaIdentity), Warnings: warnings(rel, events.EventColumns(rel)),
		KeptBack: keptBack,
	}
}

// warnings says what the events of a table lack.
func warnings(rel *pgmodel.Relation, columns []debezium.EventColumn) (out []string) {
	table := pgrepl.QuoteTable(rel.Schema, rel.Name)
	keyed := slices.ContainsFunc(columns, func(c debezium.EventColumn) bool { return c.KeyPosition > 0 })
	if !keyed {
		out = append(out,
			"Its events have no key, so that changes of a row can overtake each other in a topic of several partitions: give the table a primary key, or set message.key.columns.")
	}
	if lost := encode.LostKey(rel, columns); lost != "" {
		out = append(out, lost)
	}
	if rel.ReplicaIdentity == 'f' {
		return out
	}
	if !slices.ContainsFunc(rel.Columns, func(c pgmodel.Column) bool { return c.InIdentity }) {
		out = append(out,
			fmt.Sprintf(
				"PostgreSQL refuses updates and deletes of it while it is published, since nothing identifies its rows: add a primary key, or ALTER TABLE %s REPLICA IDENTITY FULL;", table))
	}
	var toasted []string
	for _, c := range columns {
		if c.Column.Toasted && !c.Column.InIdentity {
			toasted = append(toasted, c.Column.Name)
		}
	}
	if len(toasted) > 0 {
		out = append(out,
			fmt.Sprintf(
				"An update that leaves a large value of %s alone does not carry it, and its event has the placeholder (unavailable.value.placeholder): ALTER TABLE %s REPLICA IDENTITY FULL; sends it.", strings.Join(toasted, ", "), table))
	}
	return out
}
