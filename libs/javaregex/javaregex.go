package javaregex

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of a pattern.
const (
	maxPattern = 10_000 // characters
	maxDepth   = 250    // groups and classes within each other
	maxProgram = 50_000 // instructions, after counted repetitions are expanded
)

// Pattern is a compiled expression. It does not change and may be shared.
type Pattern struct {
	text   string
	code   []instruction
	groups int // capturing groups, the whole match among them
	marks  int
	subs   int
	states int
	costs  []cost // of the whole and of its parts
	names  map[string]int
	refers bool // has back-references
}

// Compile parses an expression. Its errors are those of Java's PatternSyntaxException where Java has one.
func Compile(expression string) (*Pattern, error) { return compile(expression, flags{}) }

// CompileFold is Compile for a pattern that ignores the case of ASCII letters
// (Pattern.CASE_INSENSITIVE).
func CompileFold(expression string) (*Pattern, error) { return compile(expression, flags{fold: true}) }

func compile(expression string, f flags) (*Pattern, error) {
	p := parser{flags: f, names: map[string]int{}, groups: 1}
	root, err := p.parse(expression)
	if err != nil {
		return nil, err
	}
	c := compiler{pattern: &Pattern{text: expression, groups: p.groups, names: p.names, refers: p.refers}}
	c.emitWhole(root)
	switch {
	case c.err != nil:
		return nil, c.err
	case p.refers && ways(root) > maxWays:
		return nil,
			fmt.Errorf(
				"a pattern with back-references may not have this many alternatives and repetitions: it could take hours to match; write it with fewer, or without the back-reference")
	case !c.pattern.takes(usualText):
		return nil,
			fmt.Errorf(
				"the pattern is too large, with what it looks ahead and behind for and its independent and possessive parts: it could take minutes to match; write it with fewer of these")
	}
	return c.pattern, nil
}

// String returns the expression.
func (p *Pattern) String() string { return p.text }

// Groups returns how many capturing groups the pattern has.
func (p *Pattern) Groups() int { return p.groups - 1 }

// Takes returns an error if a text is too long for the pattern; names of topics, tables and columns
// never are.
func (p *Pattern) Takes(text string) error {
	if len(text) <= usualText || p.takes(utf8.RuneCountInString(text)) {
		return nil
	}
	return fmt.Errorf("a text of %d bytes is too long for the regular expression %.200s: it could take minutes to match",
		len(text), p.text)
}

func (p *Pattern) takes(length int) bool {
	if length > maxText || p.refers {
		return length <= usualText
	}
	steps := 0.0
	for _, part := range p.costs {
		steps += part.steps(length)
	}
	return steps <= maxCost
}

// Matches reports whether the pattern matches the whole text (Matcher.matches). It returns false
// for a text that is too long (Takes).
func (p *Pattern) Matches(text string) bool {
	_, matched := p.match(text)
	return matched
}

// match matches the whole text.
func (p *Pattern) match(text string) (*matcher, bool) {
	if p.Takes(text) != nil {
		return nil, false
	}
	m := newMatcher(p, text)
	return m, m.matchAt(0, true)
}

// ReplaceFirst replaces the first match of the pattern in a text (Matcher.replaceFirst), which may
// be shorter than the text even if the pattern matches all of it. A text that is too long (Takes)
// is returned unchanged.
func (p *Pattern) ReplaceFirst(text string, with *Replacement) string {
	if p.Takes(text) != nil {
		return text
	}
	m := newMatcher(p, text)
	for start := range len(m.text) + 1 {
		if m.matchAt(start, false) {
			return string(m.text[:start]) + with.expand(m) + string(m.text[m.end:])
		}
	}
	return text
}

// Expand returns the replacement, filled with the groups of a match of the whole text; false if the
// pattern does not match it.
func (p *Pattern) Expand(text string, with *Replacement) (string, bool) {
	m, matched := p.match(text)
	if !matched {
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
