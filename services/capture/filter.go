package capture

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// patterns is a list of regular expressions as Debezium's include and exclude lists have it: each matches a whole name
// without regard to case.
type patterns []*regexp.Regexp

// parsePatterns reads a list separated by commas; \, stands for a comma within an expression.
func parsePatterns(key, list string) (patterns, error) {
	var out patterns
	var item strings.Builder
	add := func() error {
		text := strings.TrimSpace(item.String())
		item.Reset()
		if text == "" {
			return nil
		}
		re, err := regexp.Compile(`(?is)^(?:` + text + `)$`)
		if err != nil {
			return fmt.Errorf("%s: %q is not a regular expression (RE2 syntax): %w", key, text, err)
		}
		out = append(out, re)
		return nil
	}
	for i := 0; i < len(list); i++ {
		switch {
		case list[i] == '\\' && i+1 < len(list) && list[i+1] == ',':
			item.WriteByte(',')
			i++
		case list[i] == ',':
			if err := add(); err != nil {
				return nil, err
			}
		default:
			item.WriteByte(list[i])
		}
	}
	return out, add()
}

func (p patterns) match(name string) bool {
	for _, re := range p {
		if re.MatchString(name) {
			return true
		}
	}
	return false
}

// tableFilter says which tables are captured.
type tableFilter struct {
	schemaIn, schemaOut patterns
	tableIn, tableOut   patterns
	// signal is the signal table, which is always read from the stream; empty if there is none.
	signal string
	// snapshot narrows the captured tables to those that a snapshot reads; empty for all.
	snapshot patterns
}

func newTableFilter(v catalogue.Values) (*tableFilter, error) {
	f := &tableFilter{signal: strings.TrimSpace(v.String("signal.data.collection"))}
	for _, l := range []struct {
		key  string
		into *patterns
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
	if f.schemaIn != nil && !f.schemaIn.match(t.Schema) || f.schemaOut.match(t.Schema) {
		return false
	}
	name := t.String()
	if f.tableIn != nil {
		return f.tableIn.match(name)
	}
	return !f.tableOut.match(name)
}

// read says whether a table's changes are wanted from the stream: those captured and the signal table.
func (f *tableFilter) read(t pgrepl.Table) bool { return f.captured(t) || f.isSignal(t) }

func (f *tableFilter) isSignal(t pgrepl.Table) bool { return f.signal != "" && t.String() == f.signal }

// snapshotted says whether a snapshot reads a captured table.
func (f *tableFilter) snapshotted(t pgrepl.Table) bool {
	return f.captured(t) && (f.snapshot == nil || f.snapshot.match(t.String()))
}
