package debezium

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// ColumnRules say which columns go into values, and how their values are changed.
type ColumnRules struct {
	Include javaregex.List // column.include.list; empty means all
	Exclude javaregex.List // column.exclude.list
	// Only the first mapping that matches a column applies to it. The kinds are tried in Debezium's
	// order: Truncate, Mask, Propagate, PropagateTypes, Hash.
	Truncate, Mask, Hash []ColumnMapping
	// Propagate matches columns, and PropagateTypes names of types, whose source type is added to the
	// schema.
	Propagate, PropagateTypes javaregex.List
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
	Columns   javaregex.List
	Truncate  *int
	Mask      *string
	Hash      *HashMapping
	Propagate bool
}

// HashMapping is column.mask.hash.ALGORITHM.with.salt.SALT. V2 hashes only the text; the first
// version hashes Java's serialization of it.
type HashMapping struct {
	Algorithm string
	Salt      string
	V2        bool
}

// mappingFor returns the mapping of a column, nil if there is none.
func (r *ColumnRules) mappingFor(table, column, typeName string) *ColumnMapping {
	name := table + "." + column
	if m := firstMatch(r.Truncate, name); m != nil {
		return m
	}
	if m := firstMatch(r.Mask, name); m != nil {
		return m
	}
	if r.Propagate.Match(name) || r.PropagateTypes.Match(table+"."+typeName) {
		return &ColumnMapping{Propagate: true}
	}
	return firstMatch(r.Hash, name)
}

func firstMatch(mappings []ColumnMapping, name string) *ColumnMapping {
	for i := range mappings {
		if mappings[i].Columns.Match(name) {
			return &mappings[i]
		}
	}
	return nil
}

// KeyRules is message.key.columns: patterns of columns, in their order in the key.
type KeyRules []javaregex.List

// ParseKeyRules reads "table:column,column;table:column", where tables are regular expressions.
func ParseKeyRules(list string) (KeyRules, error) {
	var rules KeyRules
	for part := range strings.SplitSeq(list, ";") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		table, columns, found := strings.Cut(part, ":")
		if !found || table == "" || strings.Contains(columns, ":") || slices.Contains(strings.Split(columns, ","), "") {
			return nil, fmt.Errorf("read the key columns %q: expected table:column,column", part)
		}
		for c := range strings.SplitSeq(columns, ",") {
			p, err := javaregex.ParseList(strings.TrimSpace(table) + "." + strings.TrimSpace(c))
			if err != nil {
				return nil, err
			}
			rules = append(rules, p)
		}
	}
	return rules, nil
}

// keyColumns returns the indexes of the relation's key columns.
func (rules KeyRules) keyColumns(rel *pgmodel.Relation) []int {
	var key []int
	for _, p := range rules {
		for i := range rel.Columns {
			if p.Match(rel.Schema + "." + rel.Name + "." + rel.Columns[i].Name) {
				key = append(key, i)
			}
		}
	}
	if len(key) == 0 {
		return rel.Key
	}
	return key
}
