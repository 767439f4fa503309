package capture

import (
	"context"
	"errors"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// check looks at a source without changing anything.
func check(ctx context.Context, v catalogue.Values) []connector.Check {
	s, err := parseSettings(v)
	if err != nil {
		return []connector.Check{finding("configuration", "", err)}
	}
	conn, err := s.connection.Connect(ctx)
	if err != nil {
		return []connector.Check{finding("connection", "", err)}
	}
	defer conn.Close(context.WithoutCancel(ctx))
	out := []connector.Check{finding("connection", "connected to "+s.connection.Addresses(), nil)}
	server, err := pgrepl.InspectServer(ctx, conn)
	if err != nil {
		return append(out, finding("server", "", err))
	}
	out = append(out, finding("server", fmt.Sprintf("PostgreSQL %d, wal_level %s", server.Major(), server.WALLevel), server.Check(s.connection.User)))
	tables, err := pgrepl.NewCatalog(ctx, conn.Query, s.filter.read).Find(s.filter.captured)
	if err == nil && len(tables) == 0 {
		err = &pgrepl.Error{Reason: pgrepl.ReasonTableMissing, Op: "find the captured tables", Err: errors.New("no table matches the filters"), Remedy: "Create the table, or correct table.include.list: names are schema.table."}
	}
	out = append(out, finding("tables", fmt.Sprintf("%d tables match the filters", len(tables)), err))
	slot, err := pgrepl.InspectSlot(ctx, conn, server, s.slot)
	detail := fmt.Sprintf("slot %q does not exist yet; the first start creates it", s.slot)
	if slot != nil {
		detail = fmt.Sprintf("slot %q exists", s.slot)
		if err == nil {
			err = slot.CheckUsable(pgrepl.SlotName{Name: s.slot, Plugin: slot.Plugin, Database: s.connection.Database})
		}
	}
	return append(out, finding("slot", detail, err))
}

// finding is what a check found: the detail if err is nil, else the error and its remedy.
func finding(name, detail string, err error) connector.Check {
	if err == nil {
		return connector.Check{Name: name, OK: true, Detail: detail}
	}
	c := connector.Check{Name: name, Detail: err.Error()}
	if e, ok := errors.AsType[*pgrepl.Error](err); ok {
		c.Remedy = e.Remedy
	}
	return c
}
