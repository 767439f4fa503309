package spec

import (
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// Tables says which tables are captured.
type Tables struct {
	schemaIn, schemaOut javaregex.List
	// Include is table.include.list; nil where all tables are meant.
	Include  javaregex.List
	tableOut javaregex.List
	// Signal is the signal table, which is always read from the stream; empty if there is none.
	Signal string
	// ignoresBuiltin leaves out tables that extensions make (table.ignore.builtin).
	ignoresBuiltin bool
	// snapshot narrows the captured tables to those that a snapshot reads; empty for all.
	snapshot javaregex.List
}

// extensionTables are tables in users' schemas that Debezium treats as the server's own: PostGIS's
// list of coordinate systems.
var extensionTables = []string{"spatial_ref_sys"}

// Ignores reports whether a table, given as schema.table, is left out because an extension made it.
func (f *Tables) Ignores(table string) bool {
	_, name, _ := strings.Cut(table, ".")
	return f.ignoresBuiltin && slices.Contains(extensionTables, strings.ToLower(name))
}

// Captured reports whether the lists of tables take a table.
func (f *Tables) Captured(t pgrepl.Table) bool {
	if f.Ignores(t.String()) {
		return false
	}
	if f.schemaIn != nil && !f.schemaIn.Match(t.Schema) || f.schemaOut.Match(t.Schema) {
		return false
	}
	name := t.String()
	if f.Include != nil {
		return f.Include.Match(name)
	}
	return !f.tableOut.Match(name)
}

// Unmatched lists the entries of Include that match none of the tables, but for patterns, which may
// match tables that do not exist yet.
func (f *Tables) Unmatched(tables []pgrepl.FoundTable) (names javaregex.List) {
	for _, re := range f.Include {
		if strings.ContainsAny(strings.ReplaceAll(re.String(), `\.`, ""), `\*+?[](){}|^$`) {
			continue
		}
		if !slices.ContainsFunc(tables, func(t pgrepl.FoundTable) bool { return re.Matches(t.String()) }) {
			names = append(names, re)
		}
	}
	return names
}

// Read reports whether a table's changes become events: those of the captured tables and, as with
// Debezium, of the signal table.
func (f *Tables) Read(t pgrepl.Table) bool { return f.Captured(t) || f.IsSignal(t) }

// IsSignal reports whether a table is the signal table.
func (f *Tables) IsSignal(t pgrepl.Table) bool { return f.Signal != "" && t.String() == f.Signal }

// Snapshotted reports whether a snapshot reads a captured table. It does not read the signal table:
// signals of the past are not data.
func (f *Tables) Snapshotted(t pgrepl.Table) bool {
	return f.Captured(t) && !f.IsSignal(t) && (f.snapshot == nil || f.snapshot.Match(t.String()))
}
