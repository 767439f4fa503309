package poll

import (
	"context"
	"errors"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/preflight"
)

// check looks at the source of a polling connector without changing anything.
func check(ctx context.Context, v catalogue.Values) []connector.Check {
	s, err := parse(v)
	if err != nil {
		return []connector.Check{preflight.Finding("configuration", "", err)}
	}
	s.connection.ConnectTimeout = preflight.ConnectTime(ctx, s.connection.ConnectTimeout)
	conn, err := s.connection.Connect(ctx)
	if err != nil {
		return []connector.Check{preflight.Finding("connection", "", err)}
	}
	defer conn.Close(context.WithoutCancel(ctx))
	out := []connector.Check{preflight.Finding("connection", "connected to "+s.connection.Addresses(), nil)}
	tables := []pgrepl.Table{{}}
	if s.query == "" {
		found, err := pgrepl.NewCatalog(ctx, pgrepl.Query(conn), s.wanted).Find(s.wanted)
		if err == nil && len(found) == 0 {
			err = &pgrepl.Error{Reason: pgrepl.ReasonTableMissing, Op: "find the tables to poll",
				Err: errors.New("no table matches the filters"), Remedy: "Create the table, or correct table.whitelist."}
		}
		out = append(out, preflight.Finding("tables", fmt.Sprintf("%d tables match the filters", len(found)), err))
		tables = tables[:0]
		for _, t := range found {
			tables = append(tables, t.Table)
		}
	}
	for _, t := range tables {
		from, err := newSource(s, t, s.name, nil)
		if err == nil {
			err = from.describe(ctx, conn)
		}
		if err != nil {
			return append(out, preflight.Finding("columns", "", err))
		}
	}
	return append(out, preflight.Finding("columns", "the columns to poll by are there", nil))
}
