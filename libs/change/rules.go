package change

import (
	"fmt"
	"regexp"
	"strings"
)

// Patterns is a list of regular expressions as Debezium's include and exclude lists hold them: separated by commas (a
// backslash escapes one), without regard to case, and matching only a whole name.
type Patterns []*regexp.Regexp

// ParsePatterns reads a list of regular expressions. An empty list is nil.
func ParsePatterns(list string) (Patterns, error) {
	var ps Patterns
	for _, part := range splitEscaped(list, ',') {
		p, err := compilePattern(part)
		if err != nil {
			return nil, err
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// Match reports whether one of the patterns matches the whole name.
func (ps Patterns) Match(name string) bool {
	for _, p := range ps {
		if p.MatchString(name) {
			return true
		}
	}
	return false
}

func compilePattern(expr string) (*regexp.Regexp, error) {
	p, err := regexp.Compile(`(?i)^(?:` + expr + `)$`)
	if err != nil {
		return nil, fmt.Errorf("compile the regular expression %q: %w", expr, err)
	}
	return p, nil
}

// splitEscaped splits at sep where no backslash stands before it, trims the parts and leaves out empty ones.
func splitEscaped(list string, sep byte) []string {
	var parts []string
	from := 0
	add := func(part string) {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, strings.ReplaceAll(part, `\`+string(sep), string(sep)))
		}
	}
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '\\':
			i++
		case sep:
			add(list[from:i])
			from = i + 1
		}
	}
	add(list[from:])
	return parts
}

// ColumnRules say which columns go into values and how they are changed on the way.
type ColumnRules struct {
	Include Patterns // column.include.list; empty means all
	Exclude Patterns // column.exclude.list
	// Mappings are tried in order; the first whose pattern matches a column is the only one that acts on it.
	Mappings []ColumnMapping
}

// includes reports whether the column named schema.table.column goes into values.
func (r *ColumnRules) includes(name string) bool {
	if len(r.Include) > 0 {
		return r.Include.Match(name)
	}
	return !r.Exclude.Match(name)
}

// ColumnMapping is one of column.truncate.to.N.chars, column.mask.with.N.chars, column.mask.hash.… and
// …propagate.source.type. Exactly one of its actions is set.
type ColumnMapping struct {
	Columns Patterns
	// ByType matches schema.table.type instead of schema.table.column.
	ByType bool

	Truncate  *int
	Mask      *string
	Hash      *HashMapping
	Propagate bool
}

// HashMapping is column.mask.hash.ALGORITHM.with.salt.SALT. V2 hashes the text alone; the first version hashes Java's
// serialisation of it.
type HashMapping struct {
	Algorithm string
	Salt      string
	V2        bool
}

// mappingFor returns the mapping of a column, nil if there is none.
func (r *ColumnRules) mappingFor(table, column, typeName string) *ColumnMapping {
	for i := range r.Mappings {
		m := &r.Mappings[i]
		name := table + "." + column
		if m.ByType {
			name = table + "." + typeName
		}
		if m.Columns.Match(name) {
			return m
		}
	}
	return nil
}

// KeyRules is message.key.columns: patterns of columns in the order in which they make the key.
type KeyRules []*regexp.Regexp

// ParseKeyRules reads "table:column,column;table:column", the tables being regular expressions.
func ParseKeyRules(list string) (KeyRules, error) {
	var rules KeyRules
	for _, part := range strings.Split(list, ";") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		table, columns, found := strings.Cut(part, ":")
		if !found {
			return nil, fmt.Errorf("read the key columns %q: expected table:column,column", part)
		}
		for _, c := range strings.Split(columns, ",") {
			p, err := compilePattern(strings.TrimSpace(table) + "." + strings.TrimSpace(c))
			if err != nil {
				return nil, err
			}
			rules = append(rules, p)
		}
	}
	return rules, nil
}

// keyColumns returns the indexes of the relation's key columns.
func (rules KeyRules) keyColumns(rel *Relation) []int {
	var key []int
	for _, p := range rules {
		for i := range rel.Columns {
			if p.MatchString(rel.Schema + "." + rel.Name + "." + rel.Columns[i].Name) {
				key = append(key, i)
			}
		}
	}
	if len(key) == 0 {
		return rel.Key
	}
	return key
}
