package capture

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// parsePatterns reads the list of a key; see javaregex.ParseList.
func parsePatterns(key, list string) (javaregex.List, error) {
	l, err := javaregex.ParseList(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return l, nil
}

// tableFilter says which tables are captured.
type tableFilter struct {
	schemaIn, schemaOut javaregex.List
	tableIn, tableOut   javaregex.List
	// signal is the signal table, which is always read from the stream; empty if there is none.
	signal string
	// builtin says that tables which extensions make are captured as any other (table.ignore.builtin=false).
	builtin bool
	// snapshot narrows the captured tables to those that a snapshot reads; empty for all.
	snapshot javaregex.List
}

func newTableFilter(v catalogue.Values) (*tableFilter, error) {
	f := &tableFilter{signal: strings.TrimSpace(v.String("signal.data.collection")), builtin: !v.Bool("table.ignore.builtin")}
	for _, l := range []struct {
		key  string
		into *javaregex.List
	}{
		{"schema.include.list", &f.schemaIn}, {"schema.exclude.list", &f.schemaOut}, {"table.include.list", &f.tableIn},
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
	if f.tableIn != nil && f.tableOut != nil {
		return nil, both("table.include.list", "table.exclude.list")
	}
	return f, nil
}

// both is the error of two lists that exclude each other, in Debezium's words.
func both(include, exclude string) error {
	return catalogue.Problem{Key: exclude, Message: fmt.Sprintf("The '%s' value is invalid: \"%s\" is already specified", exclude, include)}
}

// extensionTables are the tables in users' schemas that Debezium takes for the server's own: PostGIS's list of coordinate systems.
var extensionTables = []string{"spatial_ref_sys"}

// ignores says whether a table, schema.table, is left out since an extension made it.
func (f *tableFilter) ignores(table string) bool {
	_, name, _ := strings.Cut(table, ".")
	return !f.builtin && slices.Contains(extensionTables, strings.ToLower(name))
}

// captured says whether a table's changes become events.
func (f *tableFilter) captured(t pgrepl.Table) bool {
	if f.ignores(t.String()) {
		return false
	}
	if f.schemaIn != nil && !f.schemaIn.Match(t.Schema) || f.schemaOut.Match(t.Schema) {
		return false
	}
	name := t.String()
	if f.tableIn != nil {
		return f.tableIn.Match(name)
	}
	return !f.tableOut.Match(name)
}

// read says whether a table's changes are wanted from the stream: those captured and the signal table.
func (f *tableFilter) read(t pgrepl.Table) bool { return f.captured(t) || f.isSignal(t) }

func (f *tableFilter) isSignal(t pgrepl.Table) bool { return f.signal != "" && t.String() == f.signal }

// snapshotted says whether a snapshot reads a captured table. Signals that were given before are none of the data.
func (f *tableFilter) snapshotted(t pgrepl.Table) bool {
	return f.captured(t) && !f.isSignal(t) && (f.snapshot == nil || f.snapshot.Match(t.String()))
}
