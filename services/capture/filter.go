package capture

import (
	"fmt"
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
	// snapshot narrows the captured tables to those that a snapshot reads; empty for all.
	snapshot javaregex.List
}

func newTableFilter(v catalogue.Values) (*tableFilter, error) {
	f := &tableFilter{signal: strings.TrimSpace(v.String("signal.data.collection"))}
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

// captured says whether a table's changes become events.
func (f *tableFilter) captured(t pgrepl.Table) bool {
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

// snapshotted says whether a snapshot reads a captured table.
func (f *tableFilter) snapshotted(t pgrepl.Table) bool {
	return f.captured(t) && (f.snapshot == nil || f.snapshot.Match(t.String()))
}
