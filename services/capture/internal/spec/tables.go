package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
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
	// builtin says that tables which extensions make are captured as any other (table.ignore.builtin=false).
	builtin bool
	// snapshot narrows the captured tables to those that a snapshot reads; empty for all.
	snapshot javaregex.List
}

func parseTables(v catalogue.Values) (*Tables, error) {
	f := &Tables{Signal: strings.TrimSpace(v.String("signal.data.collection")), builtin: !v.Bool("table.ignore.builtin")}
	for _, l := range []struct {
		key  string
		into *javaregex.List
	}{
		{"schema.include.list", &f.schemaIn}, {"schema.exclude.list", &f.schemaOut}, {"table.include.list", &f.Include},
		{"table.exclude.list", &f.tableOut}, {"snapshot.include.collection.list", &f.snapshot},
	} {
		p, err := parsePatterns(l.key, v.String(l.key))
		if err != nil {
			return nil, err
		}
		*l.into = p
	}
	if f.schemaIn != nil && f.schemaOut != nil {
		return nil, both("schema.include.list", "schema.exclude.list")
	}
	if f.Include != nil && f.tableOut != nil {
		return nil, both("table.include.list", "table.exclude.list")
	}
	return f, nil
}

// both is the error of two lists that exclude each other, in Debezium's words.
func both(include, exclude string) error {
	return catalogue.Problem{Key: exclude, Message: fmt.Sprintf("The '%s' value is invalid: \"%s\" is already specified",
		exclude, include)}
}

// extensionTables are the tables in users' schemas that Debezium takes for the server's own:
// PostGIS's list of coordinate systems.
var extensionTables = []string{"spatial_ref_sys"}

// Ignores reports whether a table, schema.table, is left out since an extension made it.
func (f *Tables) Ignores(table string) bool {
	_, name, _ := strings.Cut(table, ".")
	return !f.builtin && slices.Contains(extensionTables, strings.ToLower(name))
}

// Captured reports whether a table's changes become events.
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

// Read reports whether a table's changes are wanted from the stream: those captured and the signal table.
func (f *Tables) Read(t pgrepl.Table) bool { return f.Captured(t) || f.IsSignal(t) }

// IsSignal reports whether a table is the signal table.
func (f *Tables) IsSignal(t pgrepl.Table) bool { return f.Signal != "" && t.String() == f.Signal }

// Snapshotted reports whether a snapshot reads a captured table. Signals that were given before are none of the data.
func (f *Tables) Snapshotted(t pgrepl.Table) bool {
	return f.Captured(t) && !f.IsSignal(t) && (f.snapshot == nil || f.snapshot.Match(t.String()))
}
