package javaregex

import (
	"fmt"
	"slices"
	"strings"
)

// List is a list of patterns, one of which must match a whole name.
type List []*Pattern

// ParseList reads a list as Debezium does (Strings.setOfRegex with CASE_INSENSITIVE): commas
// separate the patterns, except after a backslash, and white space around a pattern is ignored. An
// empty list gives nil.
func ParseList(list string) (List, error) {
	var patterns List
	for _, text := range Split(list) {
		p, err := CompileFold(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a regular expression: %w", text, err)
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}

// Split splits a list at its commas, except after a backslash, where a comma belongs to a pattern.
func Split(list string) []string {
	var parts []string
	from := 0
	add := func(part string) {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, strings.ReplaceAll(part, `\,`, ","))
		}
	}
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '\\':
			i++
		case ',':
			add(list[from:i])
			from = i + 1
		}
	}
	add(list[from:])
	return parts
}

// Match reports whether one of the patterns matches the whole name.
func (l List) Match(name string) bool {
	return slices.ContainsFunc(l, func(p *Pattern) bool { return p.Matches(name) })
}
