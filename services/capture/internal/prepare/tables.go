package prepare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// checkTables logs what is wrong with the captured tables, and returns an error if there is nothing
// to capture or a limit is exceeded.
func (s *Preparation) checkTables() error {
	f := s.d.Spec.Tables
	var missing, uncaptured []string
	for _, re := range f.Unmatched(s.tables) {
		others, err := s.catalog.FindUncaptured(func(t pgrepl.Table) bool { return re.Matches(t.String()) })
		if err != nil {
			return err
		}
		missing = append(missing, strings.ReplaceAll(re.String(), `\.`, "."))
		if last := len(missing) - 1; f.Ignores(missing[last]) {
			s.d.Log.Warn("table.include.list names a table that an extension made; it is left out (table.ignore.builtin)",
				"table", missing[last], "remedy", "Set table.ignore.builtin=false.")
			uncaptured, missing = append(uncaptured, missing[last]+" is left out by table.ignore.builtin"), missing[:last]
			continue
		}
		for _, o := range others {
			uncaptured = append(uncaptured, o.String())
			missing = slices.DeleteFunc(missing, func(m string) bool { return strings.EqualFold(m, o.Table.String()) })
			s.d.Log.Warn("table.include.list names what cannot be captured: only tables have changes in the log", "name",
				o.Table.String(), "what", o.Sort, "remedy", o.Remedy())
		}
	}
	if len(uncaptured) > 0 && len(missing)+len(uncaptured) >= len(f.Include) &&
		!slices.ContainsFunc(s.tables, func(t pgrepl.FoundTable) bool { return f.Captured(t.Table) }) {
		return &pgrepl.Error{Reason: pgrepl.ReasonNotATable, Op: "find the tables of table.include.list",
			Err:    errors.New(strings.Join(uncaptured, ", ")),
			Remedy: "Only tables have changes in the log: name those that the rows are stored in. table.ignore.builtin=false captures tables that extensions made."}
	}
	if len(missing) > 0 && len(missing) == len(f.Include) {
		return &pgrepl.Error{Reason: pgrepl.ReasonTableMissing, Op: "find the tables of table.include.list",
			Err:    fmt.Errorf("no table %s in database %q", strings.Join(missing, ", "), s.d.Spec.Connection.Database),
			Remedy: "Create the table, or correct table.include.list: names are schema.table."}
	}
	for _, m := range missing {
		s.d.Log.Warn(
			"a table of table.include.list does not exist; once it is created, it is captured if the publication holds it, and with publication.autocreate.mode=filtered from the next start on",
			"table", m)
	}
	if n, most := len(s.tables), s.d.Spec.MostTables; most > 0 && n > most {
		if s.d.Spec.Guardrail == spec.FailOnTables {
			return retry.Permanent(
				"the filters match %d tables, guardrail.collections.max is %d: narrow table.include.list or raise the limit", n,
				most)
		}
		s.d.Log.Warn("the filters match more tables than guardrail.collections.max", "tables", n, "max", most)
	}
	for _, t := range s.tables {
		if !t.HasKey && !t.Unlogged && t.Kind == 'r' && (t.ReplicaIdentity == 'd' || t.ReplicaIdentity == 'n') {
			s.d.Log.Warn(
				"a captured table has neither a primary key nor a replica identity: PostgreSQL rejects its updates and deletes while it is published",
				"table", t.String(), "reason", pgrepl.ReasonIdentity, "remedy",
				fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL; or add a primary key", pgrepl.QuoteTable(t.Schema, t.Name)))
		}
	}
	return nil
}

func (s *Preparation) setIdentities(ctx context.Context) error {
	for _, rule := range s.d.Spec.Identities {
		for _, t := range s.tables {
			if !rule.Tables.Match(t.String()) {
				continue
			}
			sql := fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY %s", pgrepl.QuoteTable(t.Schema, t.Name), rule.Clause)
			if _, err := s.d.Conn.Exec(ctx, sql); err != nil {
				return &pgrepl.Error{Reason: pgrepl.ReasonIdentity, Op: "set replica identities (replica.identity.autoset.values)",
					Err: err, Remedy: "Run it as the table's owner: " + sql + ";"}
			}
		}
	}
	return nil
}
