// Package javaregex is the regular expressions of java.util.regex, in which the users of Debezium and Kafka Connect write their
// lists of tables and columns, their topics and their routes. A pattern that is accepted means here what it means there.
//
// Model. An expression is parsed to a tree, the tree is compiled to a program, and the program is run by backtracking with Java's
// preferences, so that groups hold what Java's hold. Without back-references a state (instruction and position) is visited at most
// once, so that time is bounded by the product of the pattern's size and the square of the text's length. A pattern with
// back-references, for which no such bound is known, is refused if its parts can match in too many ways.
//
// Taken besides: looking behind for what has no greatest length, which Java refuses in some forms. Not taken: (?c), \X, \b{g}, \N{name}, Unicode blocks (\p{InGreek}), \p{javaMirrored}, and patterns that are larger than the limits
// below. Characters are those of Unicode as Go knows them. Positions are characters, not UTF-16 units.
package javaregex

import (
	"fmt"
	"strings"
)

// Limits of a pattern.
const (
	maxPattern = 10_000 // characters
	maxDepth   = 250    // groups and classes within each other
	maxProgram = 50_000 // instructions, to which counted repetitions add up
	// maxWays bounds in how many ways the parts of a pattern with back-references may match a text of usualText characters.
	maxWays   = 1 << 22
	usualText = 256 // the longest name of a topic has 249 characters, schema.table.column of PostgreSQL 191
)

// Pattern is a compiled expression. It does not change and may be shared.
type Pattern struct {
	text   string
	code   []instruction
	groups int // capturing groups, the whole match among them
	marks  int
	subs   int
	names  map[string]int
	refers bool // has back-references
}

// Compile parses an expression. Its errors are those of Java's PatternSyntaxException where Java has one.
func Compile(expression string) (*Pattern, error) { return compile(expression, flags{}) }

// CompileFold is Compile for a pattern that takes no account of the case of ASCII letters (Pattern.CASE_INSENSITIVE).
func CompileFold(expression string) (*Pattern, error) { return compile(expression, flags{fold: true}) }

func compile(expression string, f flags) (*Pattern, error) {
	p := parser{flags: f, names: map[string]int{}, groups: 1}
	root, err := p.parse(expression)
	if err != nil {
		return nil, err
	}
	if p.refers && ways(root) > maxWays {
		return nil, fmt.Errorf("a pattern with back-references may not have this many alternatives and repetitions: it could take hours to match; write it with fewer, or without the back-reference")
	}
	c := compiler{pattern: &Pattern{text: expression, groups: p.groups, names: p.names, refers: p.refers}}
	c.emitWhole(root)
	if c.err != nil {
		return nil, c.err
	}
	return c.pattern, nil
}

// String is the expression.
func (p *Pattern) String() string { return p.text }

// Groups is how many capturing groups the pattern has.
func (p *Pattern) Groups() int { return p.groups - 1 }

// Matches reports whether the pattern matches the whole text (Matcher.matches).
func (p *Pattern) Matches(text string) bool {
	return newMatcher(p, text).matchAt(0, true)
}

// ReplaceFirst replaces the first part of the text that the pattern matches (Matcher.replaceFirst), which need not be the whole text even
// where the pattern matches it.
func (p *Pattern) ReplaceFirst(text string, with *Replacement) string {
	m := newMatcher(p, text)
	for start := range len(m.text) + 1 {
		if m.matchAt(start, false) {
			return string(m.text[:start]) + with.expand(m) + string(m.text[m.end:])
		}
	}
	return text
}

// Expand is the replacement filled with the groups of a match of the whole text; false if it does not match.
func (p *Pattern) Expand(text string, with *Replacement) (string, bool) {
	m := newMatcher(p, text)
	if !m.matchAt(0, true) {
		return "", false
	}
	return with.expand(m), true
}

// syntaxError is an error in the form of PatternSyntaxException.
func syntaxError(description, pattern string, index int) error {
	var b strings.Builder
	b.WriteString(description)
	if index >= 0 {
		fmt.Fprintf(&b, " near index %d", index)
	}
	if len(pattern) > 200 {
		return fmt.Errorf("%s", b.String())
	}
	b.WriteString("\n" + pattern)
	if index >= 0 && index < len([]rune(pattern)) {
		b.WriteString("\n" + strings.Repeat(" ", index) + "^")
	}
	return fmt.Errorf("%s", b.String())
}
