package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/spelling"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
	"github.com/calypso-cdc/calypso/services/capture/internal/preflight"
	"github.com/calypso-cdc/calypso/services/capture/internal/signaltable"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/start"
	"github.com/calypso-cdc/calypso/services/capture/internal/visibility"
)

// Source looks at a source without changing anything.
func Source(ctx context.Context, v catalogue.Values) []connector.Check {
	s, err := spec.Parse(v)
	if err != nil {
		return []connector.Check{preflight.Finding("configuration", "", err)}
	}
	s.Connection.ConnectTimeout = preflight.ConnectTime(ctx, s.Connection.ConnectTimeout)
	conn, err := s.Connection.Connect(ctx)
	if err != nil {
		return []connector.Check{preflight.Finding("connection", "", err)}
	}
	defer conn.Close(context.WithoutCancel(ctx))
	out := []connector.Check{preflight.Finding("connection", "connected to "+s.Connection.Addresses(), nil)}
	server, err := pgrepl.InspectServer(ctx, conn)
	if err != nil {
		return append(out, preflight.Finding("server", "", err))
	}
	out = append(out, preflight.Finding("server", fmt.Sprintf("PostgreSQL %d", server.Major()), nil),
		preflight.Finding("wal_level", "wal_level is "+server.WALLevel, server.CheckWAL()),
		checkStandby(server))
	out = append(out, checkReplication(ctx, s)...)
	catalog := pgrepl.NewCatalog(ctx, pgrepl.Query(conn), s.Tables.Read)
	tables, found := checkTables(catalog, s)
	out = append(out, found,
		checkUncaptured(catalog, s), checkIdentities(catalog, s, tables), checkRights(catalog, s, tables))
	if s.Signals.Table != "" {
		out = append(out, checkSignals(ctx, conn, s))
	}
	if s.Output.Plugin == spec.Pgoutput {
		out = append(out, checkPublication(ctx, conn, server, s, tables))
	}
	find := visibility.Find
	if s.Output.Plugin == spec.Pgoutput {
		find = visibility.FindPublished
	}
	if kept, err := find(ctx, conn, server, s, tables); err != nil {
		out = append(out, preflight.Finding("publication filters", "", err))
	} else {
		out = append(out, kept.Checks()...)
	}
	slot, err := pgrepl.InspectSlot(ctx, conn, server, s.Slot.Name)
	detail := fmt.Sprintf("slot %q does not exist yet; the first start creates it", s.Slot.Name)
	if slot != nil {
		detail = fmt.Sprintf("slot %q exists", s.Slot.Name)
		if err == nil {
			err = slot.CheckUsable(pgrepl.SlotName{Name: s.Slot.Name, Plugin: slot.Plugin, Database: s.Connection.Database})
		}
	}
	out = append(out, preflight.Finding("slot", detail, err))
	if c, needed := checkPlugin(ctx, conn, server, s, slot, tables); needed {
		out = append(out, c)
	}
	out = append(out, checkPromotion(ctx, conn, server, s, slot))
	return append(append(out, checkRoom(ctx, conn, slot != nil)...), checkHolders(ctx, conn),
		checkIdleSlots(ctx, conn, server, s.Slot.Name))
}

// checkTables finds the captured tables, and names those of table.include.list that do not exist.
func checkTables(catalog *pgrepl.Catalog, s *spec.Spec) ([]pgrepl.FoundTable, connector.Check) {
	const name, remedy = "tables", "Create the table, or correct table.include.list: names are schema.table."
	all, err := catalog.Find(func(pgrepl.Table) bool { return true })
	if err != nil {
		return nil, preflight.Finding(name, "", err)
	}
	tables := slices.DeleteFunc(slices.Clone(all), func(t pgrepl.FoundTable) bool { return !s.Tables.Captured(t.Table) })
	c := preflight.Finding(name, fmt.Sprintf("%d tables match the filters", len(tables)), nil)
	var missing []string
	for _, re := range s.Tables.Unmatched(all) {
		others, err := catalog.FindUncaptured(func(t pgrepl.Table) bool { return re.Matches(t.String()) })
		if err != nil {
			return tables, preflight.Finding(name, "", err)
		}
		if len(others) > 0 {
			continue // checkUncaptured names it
		}
		wanted := strings.ReplaceAll(re.String(), `\.`, ".")
		text := fmt.Sprintf("no table %s in database %q", wanted, s.Connection.Database)
		if near := spelling.Nearest(wanted, names(all)); near != "" {
			text += fmt.Sprintf(" (did you mean %s?)", near)
		}
		missing = append(missing, text)
	}
	switch {
	case len(tables) == 0 && s.Tables.Include != nil: // without names tables that are still to come are meant
		return nil, preflight.Finding(name, "", &pgrepl.Error{Reason: pgrepl.ReasonTableMissing,
			Op:  "find the captured tables",
			Err: errors.New(cmp.Or(preflight.Few(missing), "no table matches the filters")), Remedy: remedy})
	case len(missing) > 0:
		c.Detail, c.Remedy = c.Detail+"; "+preflight.Few(missing), remedy
	}
	return tables, c
}

func names(tables []pgrepl.FoundTable) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, t := range tables {
			if !yield(t.String()) {
				return
			}
		}
	}
}

// checkUncaptured names what the filters match and cannot be captured. Where no tables are named,
// everything that is there matches, which nobody asked for.
func checkUncaptured(catalog *pgrepl.Catalog, s *spec.Spec) connector.Check {
	const name, fine = "left out", "the filters name tables only"
	if s.Tables.Include == nil {
		return preflight.Finding(name, fine, nil)
	}
	all, err := catalog.FindUncaptured(s.Tables.Captured)
	c := preflight.Finding(name, fine, err)
	if len(all) > 0 {
		texts := make([]string, len(all))
		for i, u := range all {
			texts[i] = u.String()
		}
		c.Detail, c.Remedy = preflight.Few(texts)+": only tables have changes in the log", all[0].Remedy()
	}
	return c
}

// checkRights checks that the role may read the columns that events have.
func checkRights(catalog *pgrepl.Catalog, s *spec.Spec, tables []pgrepl.FoundTable) connector.Check {
	const name = "read rights"
	for _, t := range tables {
		if t.Readable {
			continue
		}
		columns, err := catalog.Unreadable(t.OID)
		if err == nil {
			err = catalog.Load([]uint32{t.OID})
		}
		if err != nil {
			return preflight.Finding(name, "", err)
		}
		rel := catalog.Relation(t.OID)
		if rel == nil { // dropped meanwhile
			continue
		}
		included := encode.ColumnsOf(&s.Events, rel)
		for i, c := range rel.Columns {
			if included.Included(i) && slices.Contains(columns, c.Name) {
				return preflight.Finding(name, "",
					included.RightMissing(s.Connection.User, fmt.Errorf("role %s may not read column %s", s.Connection.User, c.Name)))
			}
		}
	}
	return preflight.Finding(name, "role "+s.Connection.User+" may read what events have of the captured tables", nil)
}

// checkSignals looks at the signal table, which changes are captured without.
func checkSignals(ctx context.Context, conn *pgx.Conn, s *spec.Spec) connector.Check {
	const name = "signal table"
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_publication WHERE pubname = $1",
		s.Publication.Name).Scan(&exists); err != nil {
		return preflight.Finding(name, "", fmt.Errorf("look at publication %q: %w", s.Publication.Name, err))
	}
	joins := s.Publication.Mode == pgrepl.PublishFiltered || s.Publication.Mode == pgrepl.PublishAll && !exists
	c := preflight.Finding(name, "signals of "+s.Signals.Table+" arrive",
		signaltable.Check(ctx, conn, s, s.Output.Plugin, joins))
	c.OK = true
	return c
}

// checkHolders names transactions that keep a slot from being made and log from being removed.
func checkHolders(ctx context.Context, conn *pgx.Conn) connector.Check {
	const name = "open transactions"
	all, err := pgrepl.Holders(ctx, conn, preflight.OpenForLong)
	c := preflight.Finding(name, "no transaction has been open for long", err)
	if len(all) > 0 {
		texts := make([]string, len(all))
		for i, h := range all {
			texts[i] = h.String()
		}
		c.Detail, c.Remedy = preflight.Few(texts)+
			": no slot can be made before it ends, and the server keeps all log since it began", all[0].Remedy
	}
	return c
}

// checkIdleSlots names other slots for which the server keeps log although nobody reads them.
func checkIdleSlots(ctx context.Context, conn *pgx.Conn, server pgrepl.Server, own string) connector.Check {
	const name = "idle slots"
	all, err := pgrepl.IdleSlots(ctx, conn, server, own)
	c := preflight.Finding(name, "no other slot keeps log that nobody reads", err)
	if len(all) > 0 {
		texts := make([]string, len(all))
		for i, idle := range all {
			texts[i] = fmt.Sprintf("slot %s of database %s keeps %d bytes of log", idle.Name, idle.Database, idle.Retained)
		}
		c.Detail, c.Remedy = preflight.Few(texts)+", and nobody reads it",
			fmt.Sprintf("Unless its reader comes back: SELECT pg_drop_replication_slot(%s);", pgrepl.QuoteLiteral(all[0].Name))
	}
	return c
}

// checkReplication opens a replication connection, since only the attempt shows whether the role
// may: providers have rights of their own for it, besides REPLICATION. A pooler may accept ordinary
// connections and refuse this one.
func checkReplication(ctx context.Context, s *spec.Spec) []connector.Check {
	repl, err := pgrepl.OpenSession(ctx, s.Connection)
	if err == nil {
		defer repl.Close(context.WithoutCancel(ctx))
		_, err = repl.Identify(ctx)
	}
	right := preflight.Finding("replication right", "role "+s.Connection.User+" may replicate", err)
	if err != nil && pgrepl.ReasonOf(err) != pgrepl.ReasonReplication {
		right = preflight.Finding("replication right", "not known, since there is no replication connection", nil)
	}
	return []connector.Check{right, preflight.Finding("replication connection", "connected for replication", err)}
}

// checkStandby explains what it means that the source is a standby.
func checkStandby(server pgrepl.Server) connector.Check {
	c := preflight.Finding("standby", "the server is a primary", server.CheckStandby(nil))
	if c.OK && server.InRecovery {
		c.Detail, c.Remedy = "the server is a standby: it gets the publication from its primary, whose removal of rows may end the slot",
			"Make the publication on the primary, switch hot_standby_feedback on, and SELECT pg_log_standby_snapshot(); on the primary if the creation of the slot waits."
	}
	return c
}

// checkPromotion checks that the slot survives the promotion of a standby.
func checkPromotion(ctx context.Context, conn *pgx.Conn, server pgrepl.Server, s *spec.Spec,
	slot *pgrepl.SlotState) connector.Check {
	const name = "promotion"
	standbys, err := pgrepl.InspectStandbys(ctx, conn)
	c := preflight.Finding(name, "no standby is connected", err)
	if err != nil || !standbys.Connected || server.InRecovery {
		return c
	}
	switch {
	case server.Major() < 17 && standbys.FailoverSlots:
		c.Detail = "pg_failover_slots is loaded, which has standbys keep the slot"
	case server.Major() < 17:
		c.Detail = fmt.Sprintf(
			"a standby is connected, and PostgreSQL %d does not let it keep the slot: its promotion stops the connector (SLOT_MISSING)", server.Major())
		c.Remedy = "Unless something else keeps the slot (Patroni's permanent slots): load pg_failover_slots (shared_preload_libraries) on all servers, with hot_standby_feedback = on; on Azure both are server parameters. From PostgreSQL 17 on the server does it by itself."
	case !s.Slot.Failover && (slot == nil || !slot.Failover):
		c.Detail = "a standby is connected, and slot.failover=false does not let it keep the slot: its promotion stops the connector (SLOT_MISSING)"
		c.Remedy = "Take slot.failover=false out, and set sync_replication_slots = on and hot_standby_feedback = on on the standby; the next start alters the slot."
	case standbys.Synchronised == "":
		c.Detail = "standbys with sync_replication_slots = on and hot_standby_feedback = on keep the slot; a change may be delivered before any of them has it, and undone by a promotion after a crash (TIMELINE_CHANGED)"
		c.Remedy = "To have changes sent only when a standby has them: ALTER SYSTEM SET synchronized_standby_slots = '<the standby's physical slot>'; SELECT pg_reload_conf(); capture then waits while that standby is away."
	default:
		c.Detail = fmt.Sprintf(
			"standbys with sync_replication_slots = on and hot_standby_feedback = on keep the slot, and changes are sent when those of %s have them", standbys.Synchronised)
	}
	return c
}

// checkPublication checks that the publication exists, or may be created at the first start.
func checkPublication(ctx context.Context, conn *pgx.Conn, server pgrepl.Server, s *spec.Spec,
	tables []pgrepl.FoundTable) connector.Check {
	p := s.Publication
	p.Tables, p.OnStandby = tables, server.InRecovery
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_publication WHERE pubname = $1",
		p.Name).Scan(&exists); err != nil {
		return preflight.Finding("publication", "", fmt.Errorf("look at publication %q: %w", p.Name, err))
	}
	missing, err := p.Missing(ctx, conn)
	switch {
	case err != nil:
		return preflight.Finding("publication", "", err)
	case exists && len(missing) == 0:
		return preflight.Finding("publication", fmt.Sprintf("publication %q publishes the captured tables", p.Name), nil)
	case p.OnStandby && !exists:
		return preflight.Finding("publication", "", &pgrepl.Error{Reason: pgrepl.ReasonPublication,
			Op: fmt.Sprintf("check publication %q", p.Name), Err: errors.New("it does not exist, and a standby cannot make it"),
			Remedy: fmt.Sprintf("Run on the primary: CREATE PUBLICATION %s FOR TABLE …;", pgrepl.QuoteIdent(p.Name))})
	case p.Mode != pgrepl.PublishDisabled && !exists:
		return checkOwners(p, s,
			fmt.Sprintf("publication %q does not exist yet; the first start creates it (publication.autocreate.mode=%s)", p.Name,
				p.Mode), fmt.Sprintf("CREATE PUBLICATION %s FOR TABLE …;", pgrepl.QuoteIdent(p.Name)))
	case p.Mode == pgrepl.PublishFiltered && !p.OnStandby:
		p.Tables = missing
		return checkOwners(p, s, fmt.Sprintf("publication %q lacks %d of the captured tables; the start adds them", p.Name,
			len(missing)), fmt.Sprintf("ALTER PUBLICATION %s ADD TABLE …;", pgrepl.QuoteIdent(p.Name)))
	}
	e := &pgrepl.Error{Reason: pgrepl.ReasonPublication, Op: fmt.Sprintf("check publication %q", p.Name),
		Err: errors.New("it does not exist and publication.autocreate.mode is disabled"),
		Remedy: fmt.Sprintf(
			"As the tables' owner: CREATE PUBLICATION %s FOR TABLE …; or set publication.autocreate.mode=filtered.",
			pgrepl.QuoteIdent(p.Name))}
	if exists {
		e.Err = fmt.Errorf("it does not hold %s, whose changes do not arrive", missing[0].Table)
		e.Remedy = fmt.Sprintf(
			"As the table's owner: ALTER PUBLICATION %s ADD TABLE %s; or set publication.autocreate.mode=filtered.",
			pgrepl.QuoteIdent(p.Name), pgrepl.QuoteTable(missing[0].Schema, missing[0].Name))
	}
	return preflight.Finding("publication", "", e)
}

// checkOwners adds a warning where the role may lack the right to do what the start does about the
// publication: PostgreSQL demands the table's owner. It is not a failure, since a provider may
// grant a role more than the catalog says.
func checkOwners(p pgrepl.Publication, s *spec.Spec, detail, statement string) connector.Check {
	c := preflight.Finding("publication", detail, nil)
	owners := p.Owners()
	if len(owners) == 0 || p.Mode == pgrepl.PublishNone {
		return c
	}
	c.Detail += fmt.Sprintf(", which fails unless role %s may act for their owner %s", s.Connection.User, owners[0])
	c.Remedy = "As the tables' owner: " + statement + " Or:"
	for _, o := range owners {
		c.Remedy += fmt.Sprintf(" GRANT %s TO %s;", pgrepl.QuoteIdent(o), pgrepl.QuoteIdent(s.Connection.User))
	}
	return c
}

// checkPlugin checks that the server lets the connector's output plugin be used, and goes on
// doing so when it is updated. Plugins that come with the server need no such check.
func checkPlugin(ctx context.Context, conn *pgx.Conn, server pgrepl.Server, s *spec.Spec, slot *pgrepl.SlotState,
	tables []pgrepl.FoundTable) (c connector.Check, needed bool) {
	const name = "output plugin"
	if pgrepl.BuiltIn(string(s.Output.Plugin)) || slot != nil && slot.Plugin == "pgoutput" {
		return c, false
	}
	listed, err := pgrepl.ListsPlugins(ctx, conn)
	if err != nil {
		return preflight.Finding(name, "", err), true
	}
	p := s.Publication
	p.Tables = tables
	refusal := pgrepl.TryPlugin(ctx, conn, string(s.Output.Plugin), s.Connection.User)
	switch {
	case refusal == nil && listed:
		return preflight.Finding(name, fmt.Sprintf("the server lets role %s use %s", s.Connection.User, s.Output.Plugin),
			nil), true
	case refusal == nil:
		c = preflight.Finding(name,
			fmt.Sprintf("the server lets everybody use %s; an update to %s or later refuses it unless %s names it",
				s.Output.Plugin, pgrepl.FirstPluginLists, pgrepl.PluginList), nil)
		c.Remedy = fmt.Sprintf(
			"With the update, before the connector starts again: %s Or prepare for plugin.name=pgoutput with publication.autocreate.mode=filtered: the slot is migrated at its position if publication %q was there before its oldest changes.", pgrepl.AllowPlugin(string(s.Output.Plugin), s.Connection.User), p.Name)
		return c, true
	case !start.FallsBack(s.Output.Plugin, refusal):
		return preflight.Finding(name, "", refusal), true
	case slot == nil:
		return preflight.Finding(name,
			fmt.Sprintf("the server does not have %s or refuses it (%s); pgoutput is used in its place, with the same events",
				s.Output.Plugin, pgrepl.ReasonOf(refusal)), nil), true
	}
	if obstacle := p.Migratable(ctx, conn, server, slot); obstacle != nil {
		return preflight.Finding(name, "", start.KeepsPlugin(slot, refusal, obstacle)), true
	}
	return preflight.Finding(name,
		fmt.Sprintf(
			"the server does not have %s or refuses it (%s); the next start migrates slot %q to pgoutput at the same position, with the same events", s.Output.Plugin, pgrepl.ReasonOf(refusal), slot.Name), nil), true
}

// checkIdentities looks for tables whose updates and deletes PostgreSQL refuses once they are
// published: those without a key; and for those whose deleted rows cannot be found again by the key of
// their events. The check passes all the same, since it may be that rows are only ever added to them.
func checkIdentities(catalog *pgrepl.Catalog, s *spec.Spec, tables []pgrepl.FoundTable) connector.Check {
	c := preflight.Finding("replica identity", "rows can be told apart", nil)
	var found, remedies []string
	var keyed []uint32
	for _, t := range tables {
		none := t.ReplicaIdentity == 'n' || t.ReplicaIdentity == 'd' && !t.HasKey
		switch {
		case t.Unlogged || sets(s.Identities, t):
		case none:
			found = append(found, fmt.Sprintf(
				"table %s has no replica identity, so that PostgreSQL refuses its updates and deletes while it is published", t))
			remedies = append(remedies, fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL; or add a primary key.",
				pgrepl.QuoteTable(t.Schema, t.Name)))
		// With the default, the primary key is both, unless the connector has keys of its own.
		case t.ReplicaIdentity == 'i' || t.ReplicaIdentity == 'd' && len(s.Events.KeyColumns) > 0:
			keyed = append(keyed, t.OID)
		}
	}
	if err := catalog.Load(keyed); err != nil {
		return preflight.Finding(c.Name, "", err)
	}
	for _, oid := range keyed {
		rel := catalog.Relation(oid)
		if rel == nil { // dropped meanwhile
			continue
		}
		if lost := encode.LostKey(rel, s.Events.EventColumns(rel)); lost != "" {
			table := pgrepl.QuoteTable(rel.Schema, rel.Name)
			found = append(found, "table "+table+": "+lost)
			remedies = append(remedies, fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL;", table))
		}
	}
	if len(found) == 0 {
		return c
	}
	c.Detail, c.Remedy = found[0], "Unless rows are only added: "+remedies[0]
	if more := len(found) - 1; more > 0 {
		c.Detail = fmt.Sprintf("of %d tables rows cannot be told apart. The first: %s", len(found), found[0])
		c.Remedy += " So for the others: " + strings.Join(remedies[1:min(len(remedies), mostRemedies)], " ")
		if len(remedies) > mostRemedies {
			c.Remedy += " …"
		}
	}
	return c
}

// mostRemedies bounds the statements that a finding about many tables has.
const mostRemedies = 10

// sets reports whether the connector sets a table's replica identity when it starts. One that it sets to
// an index may lack the key still, which is said while it runs.
func sets(rules []spec.Identity, t pgrepl.FoundTable) bool {
	return slices.ContainsFunc(rules, func(r spec.Identity) bool { return r.Tables.Match(t.String()) })
}

// checkRoom checks that the server has room for one more slot, unless it exists, and for one more
// walsender.
func checkRoom(ctx context.Context, conn *pgx.Conn, exists bool) []connector.Check {
	var slots, mostSlots, senders, mostSenders int
	err := conn.QueryRow(ctx,
		`SELECT (SELECT count(*) FROM pg_replication_slots), current_setting('max_replication_slots')::int,
		(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'), current_setting('max_wal_senders')::int`).Scan(&slots, &mostSlots, &senders, &mostSenders)
	if err != nil {
		return []connector.Check{preflight.Finding("max_replication_slots", "",
			fmt.Errorf("count slots and walsenders: %w", err))}
	}
	room := func(setting, what string, used, most int, enough bool) connector.Check {
		c := connector.Check{Name: setting, OK: enough, Detail: fmt.Sprintf("%d of %d %s are in use", used, most, what)}
		if !enough {
			c.Remedy = fmt.Sprintf(
				"Drop what is not used (SELECT pg_drop_replication_slot('…')), or ALTER SYSTEM SET %s = %d and restart the server; on Azure: az postgres flexible-server parameter set --name %[1]s --value %[2]d, then restart.", setting, most+5)
		}
		return c
	}
	return []connector.Check{
		room("max_replication_slots", "replication slots", slots, mostSlots, exists || slots < mostSlots),
		room("max_wal_senders", "walsenders", senders, mostSenders, senders < mostSenders),
	}
}
