package javaregex

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// flags are the embedded flags in force.
type flags struct {
	fold         bool // i: ASCII letters of either case
	foldUnicode  bool // u: with i, all letters
	dotAll       bool // s
	multiline    bool // m
	unixLines    bool // d
	comments     bool // x
	unicodeClass bool // U
}

// unbounded is the greatest count of a repetition without one.
const unbounded = -1

type greed int

const (
	greedy greed = iota
	lazy
	possessive
)

// The nodes of a parsed expression.
type (
	node interface{}
	set  struct {
		has  predicate
		size int // the cost of testing a character, in instructions
	}
	// sequence matches its parts one after the other; an empty one matches the empty text.
	sequence    []node
	alternation []node
	// group captures what its body matches; 0 does not capture.
	group struct {
		number int
		body   node
	}
	repetition struct {
		body     node
		min, max int
		greed    greed
	}
	// independent is (?>…): once it has matched, no other way of matching is tried.
	independent struct{ body node }
	look        struct {
		body            node
		behind, negated bool
		min, max        int // lengths of the body of a look-behind
	}
	reference struct {
		number            int
		fold, foldUnicode bool
	}
	assertion struct {
		kind  assertionKind
		flags flags
	}
)

type assertionKind int

const (
	textStart      assertionKind = iota // ^ without m, \A, and \G, since a match begins at the start
	textEnd                             // \z
	lineStart                           // ^ with m
	lineEnd                             // $ with m
	lastLineEnd                         // $ without m, \Z
	wordBoundary                        // \b
	noWordBoundary                      // \B
)

// parser reads an expression at position at. Quotations (\Q…\E) are replaced before. fail panics,
// which compile recovers.
type parser struct {
	flags  flags
	source string
	text   []rune
	at     int
	depth  int
	groups int // capturing groups so far, the whole match among them
	names  map[string]int
	refers bool
}

// end represents the end of the expression; no character has this value.
const end rune = -1

type failure struct{ err error }

func (p *parser) parse(expression string) (root node, err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case failure:
			err = cause.err
		default:
			panic(cause)
		}
	}()
	p.source = expression
	p.text = unquote([]rune(expression))
	if len(p.text) > maxPattern {
		return nil, fmt.Errorf("the pattern has more than %d characters", maxPattern)
	}
	root = p.alternatives()
	if p.peek() == ')' {
		p.at++
		p.fail("Unmatched closing ')'", p.at-2)
	}
	return root, nil
}

func (p *parser) fail(problem string, index int) {
	panic(failure{syntaxError(problem, p.source, index)})
}

// refuse is for what Java accepts and this package does not.
func (p *parser) refuse(what string) {
	panic(failure{fmt.Errorf("%s is not supported here: write the pattern without it", what)})
}

func (p *parser) deeper() {
	if p.depth++; p.depth > maxDepth {
		panic(failure{fmt.Errorf("the pattern nests more than %d groups and classes", maxDepth)})
	}
}

// unquote replaces \Q…\E by escapes.
func unquote(text []rune) []rune {
	var out []rune
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			continue
		}
		if text[i+1] != 'Q' {
			out = append(out, text[i], text[i+1])
			i++
			continue
		}
		i += 2
		for first := true; i < len(text); i++ {
			c := text[i]
			if c == '\\' && i+1 < len(text) && text[i+1] == 'E' {
				i++
				break
			}
			switch {
			case c >= 0x80 || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			case c < '0' || c > '9':
				out = append(out, '\\')
			case first: // a digit must not continue the number before the quotation
				out = append(out, '\\', 'x', '3')
			}
			out = append(out, c)
			first = false
		}
	}
	return out
}

func (p *parser) raw(at int) rune {
	if at < len(p.text) {
		return p.text[at]
	}
	return end
}

// peek returns the next character, after white space and comments if these are ignored.
func (p *parser) peek() rune {
	for p.flags.comments {
		switch c := p.raw(p.at); {
		case c == '#':
			for c = p.raw(p.at); c != end && !p.lineTerminator(c); c = p.raw(p.at) {
				p.at++
			}
		case asciiSpace(c):
			p.at++
		default:
			return c
		}
	}
	return p.raw(p.at)
}

func (p *parser) lineTerminator(c rune) bool {
	if p.flags.unixLines {
		return c == '\n'
	}
	return lineTerminator(c)
}

// read returns the next character, without skipping anything.
func (p *parser) read() rune {
	c := p.raw(p.at)
	p.at++
	return c
}

func (p *parser) alternatives() node {
	var all alternation
	for {
		all = append(all, p.sequence())
		if p.peek() != '|' {
			break
		}
		p.at++
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

func (p *parser) sequence() node {
	var parts sequence
	for {
		var part node
		switch c := p.peek(); c {
		case end, '|', ')':
			return parts
		case '(':
			if part = p.group(); part == nil {
				continue // flags
			}
		case '?', '*', '+':
			p.at++
			p.fail(fmt.Sprintf("Dangling meta character '%c'", c), p.at-1)
		case '{': // repeats nothing
			part = sequence{}
		default:
			part = p.atom()
		}
		parts = append(parts, p.repeated(part))
	}
}

func (p *parser) atom() node {
	f := p.flags
	switch c := p.peek(); c {
	case '[':
		from := p.at
		class := p.class(true)
		return set{class, p.at - from}
	case '\\':
		return p.escaped()
	case '^':
		p.at++
		if f.multiline {
			return assertion{lineStart, f}
		}
		return assertion{textStart, f}
	case '$':
		p.at++
		if f.multiline {
			return assertion{lineEnd, f}
		}
		return assertion{lastLineEnd, f}
	case '.':
		p.at++
		switch {
		case f.dotAll:
			return set{has: func(rune) bool { return true }}
		case f.unixLines:
			return set{has: func(c rune) bool { return c != '\n' }}
		}
		return set{has: func(c rune) bool { return !lineTerminator(c) }}
	default:
		p.at++
		return set{has: f.single(c)}
	}
}

// group reads from "(" to ")". It returns nil if the group only sets flags, which then apply to the
// end of the enclosing group.
func (p *parser) group() node {
	p.deeper()
	defer func() { p.depth-- }()
	saved := p.flags
	p.at++
	if p.peek() != '?' {
		number := p.groups
		p.groups++
		return p.closed(saved, func(body node) node { return group{number, body} })
	}
	p.at++
	switch c := p.read(); c {
	case ':':
		return p.closed(saved, func(body node) node { return group{0, body} })
	case '>':
		return p.closed(saved, func(body node) node { return independent{body} })
	case '=', '!':
		return p.closed(saved, func(body node) node { return look{body: body, negated: c == '!'} })
	case '<':
		c = p.read()
		if c != '=' && c != '!' {
			name := p.groupName(c)
			if _, twice := p.names[name]; twice {
				p.fail("Named capturing group <"+name+"> is already defined", p.at-1)
			}
			number := p.groups
			p.groups++
			p.names[name] = number
			return p.closed(saved, func(body node) node { return group{number, body} })
		}
		return p.closed(saved, func(body node) node {
			if refersBack(body) {
				p.fail("Look-behind group does not have an obvious maximum length", p.at-2)
			}
			least, most := lengths(body)
			return look{body, true, c == '!', least, most}
		})
	case '$', '@':
		p.fail("Unknown group type", p.at-1)
	}
	p.at--
	p.readFlags()
	switch p.read() {
	case ')':
		return nil
	case ':':
		return p.closed(saved, func(body node) node { return group{0, body} })
	}
	p.fail("Unknown inline modifier", p.at-1)
	return nil
}

// closed reads the body of a group and its end.
func (p *parser) closed(saved flags, made func(body node) node) node {
	body := p.alternatives()
	if p.peek() != ')' {
		p.at++
		p.fail("Unclosed group", p.at-1)
	}
	p.at++
	made2 := made(body)
	p.flags = saved
	return made2
}

func (p *parser) readFlags() {
	on := true
	for ; ; p.at++ {
		switch p.peek() {
		case 'i':
			p.flags.fold = on
		case 'm':
			p.flags.multiline = on
		case 's':
			p.flags.dotAll = on
		case 'd':
			p.flags.unixLines = on
		case 'u':
			p.flags.foldUnicode = on
		case 'x':
			p.flags.comments = on
		case 'U':
			p.flags.unicodeClass, p.flags.foldUnicode = on, on
		case 'c':
			p.refuse("the flag c (canonical equivalence)")
		case '-':
			if !on {
				return
			}
			on = false
		default:
			return
		}
	}
}

func (p *parser) groupName(first rune) string {
	if !asciiLetter(first) {
		p.fail("capturing group name does not start with a Latin letter", p.at-1)
	}
	name := []rune{first}
	c := p.read()
	for ; asciiLetter(c) || asciiDigit(c); c = p.read() {
		name = append(name, c)
	}
	if c != '>' {
		p.fail("named capturing group is missing trailing '>'", p.at-1)
	}
	return string(name)
}

// repeated reads the quantifier of an atom, if it has one.
func (p *parser) repeated(body node) node {
	r := repetition{body: body, max: unbounded}
	switch p.peek() {
	case '?':
		r.max = 1
	case '*':
	case '+':
		r.min = 1
	case '{':
		p.at++
		if !asciiDigit(p.raw(p.at)) {
			p.at++
			p.fail("Illegal repetition", p.at-2)
		}
		r.min = parseCount(p)
		r.max = r.min
		if p.raw(p.at) == ',' {
			p.at++
			if r.max = unbounded; p.raw(p.at) != '}' {
				r.max = parseCount(p)
			}
		}
		if p.raw(p.at) != '}' {
			p.at++
			p.fail("Unclosed counted closure", p.at-1)
		}
		if r.max != unbounded && r.max < r.min {
			p.at++
			p.fail("Illegal repetition range", p.at-1)
		}
	default:
		return body
	}
	p.at++
	switch p.peek() {
	case '?':
		p.at++
		r.greed = lazy
	case '+':
		p.at++
		r.greed = possessive
	}
	return r
}

// parseCount reads a number; one that is too large is refused, as by Java, or makes the program too
// large.
func parseCount(p *parser) int {
	n := 0
	for ; asciiDigit(p.raw(p.at)); p.at++ {
		if n = n*10 + int(p.raw(p.at)-'0'); n > 1<<31-1 {
			p.fail("Illegal repetition range", p.at)
		}
	}
	return n
}

// escaped reads an escape outside of a class.
func (p *parser) escaped() node {
	p.at++
	f := p.flags
	c := p.raw(p.at)
	switch c {
	case 'p', 'P':
		return set{has: p.property()}
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		p.at++
		number := int(c - '0')
		for asciiDigit(p.peek()) {
			more := number*10 + int(p.peek()-'0')
			if p.groups-1 < more {
				break
			}
			number = more
			p.at++
		}
		p.refers = true
		return reference{number, f.fold, f.foldUnicode}
	case 'k':
		p.at++
		if p.read() != '<' {
			p.fail("\\k is not followed by '<' for named capturing group", p.at-1)
		}
		name := p.groupName(p.read())
		number, known := p.names[name]
		if !known {
			p.fail("named capturing group <"+name+"> does not exist", p.at-1)
		}
		p.refers = true
		return reference{number, f.fold, f.foldUnicode}
	case 'A', 'G':
		p.at++
		return assertion{textStart, f}
	case 'z':
		p.at++
		return assertion{textEnd, f}
	case 'Z':
		p.at++
		return assertion{lastLineEnd, f}
	case 'B':
		p.at++
		return assertion{noWordBoundary, f}
	case 'b':
		p.at++
		if p.peek() == '{' && strings.HasPrefix(string(p.text[p.at:]), "{g}") {
			p.refuse(`\b{g}`)
		}
		return assertion{wordBoundary, f}
	case 'X':
		p.refuse(`\X`)
	case 'R':
		p.at++
		return alternation{sequence{set{has: f.exactly('\r')}, set{has: f.exactly('\n')}}, set{has: verticalSpace}}
	}
	if has, ok := p.classEscape(); ok {
		return set{has: has}
	}
	return set{has: f.single(p.character())}
}

// classEscape reads \d, \h, \s, \v, \w or the opposite of one, if there is one.
func (p *parser) classEscape() (predicate, bool) {
	c := p.raw(p.at)
	has, known := p.flags.escapeClass(unicode.ToLower(c))
	if !known || c > unicode.MaxASCII {
		return nil, false
	}
	p.at++
	if unicode.IsUpper(c) {
		return not(has), true
	}
	return has, true
}

// character reads what follows the backslash of an escape that stands for one character.
func (p *parser) character() rune {
	c := p.read()
	switch c {
	case '0':
		return parseOctal(p)
	case 'a':
		return 7
	case 'c':
		if p.at >= len(p.text) {
			p.fail("Illegal control escape sequence", p.at-1)
		}
		return p.read() ^ 64
	case 'e':
		return 27
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'u':
		high := parseHex(p, 4, "Illegal Unicode escape sequence")
		if high >= 0xD800 && high < 0xDC00 && p.raw(p.at) == '\\' && p.raw(p.at+1) == 'u' {
			at := p.at
			p.at += 2
			if low := parseHex(p, 4, "Illegal Unicode escape sequence"); low >= 0xDC00 && low < 0xE000 {
				return (high-0xD800)<<10 + (low - 0xDC00) + 0x10000
			}
			p.at = at
		}
		return high
	case 'x':
		return parseHexadecimal(p)
	case 'N':
		p.refuse(`\N{name}`)
	case end:
		p.fail("Unexpected internal error", p.at-1)
	}
	if asciiLetter(c) || asciiDigit(c) {
		p.fail("Illegal/unsupported escape sequence", p.at-1)
	}
	return c
}

func parseOctal(p *parser) rune {
	var n rune
	digits := 0
	for ; digits < 3 && p.raw(p.at) >= '0' && p.raw(p.at) <= '7' && n*8 <= 0xFF; digits++ {
		n = n*8 + p.read() - '0'
	}
	if digits == 0 {
		p.at++
		p.fail("Illegal octal escape sequence", p.at-1)
	}
	return n
}

func parseHexadecimal(p *parser) rune {
	if p.raw(p.at) != '{' || !hexDigit(p.raw(p.at+1)) {
		return parseHex(p, 2, "Illegal hexadecimal escape sequence")
	}
	p.at++
	var n rune
	for hexDigit(p.raw(p.at)) {
		if n = n<<4 + hexValue(p.read()); n > unicode.MaxRune {
			p.fail("Hexadecimal codepoint is too big", p.at-1)
		}
	}
	if p.read() != '}' {
		p.fail("Unclosed hexadecimal escape sequence", p.at-1)
	}
	return n
}

func parseHex(p *parser, digits int, problem string) rune {
	var n rune
	for range digits {
		c := p.read()
		if !hexDigit(c) {
			p.fail(problem, p.at-1)
		}
		n = n<<4 + hexValue(c)
	}
	return n
}

func hexDigit(c rune) bool {
	return asciiDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexValue(c rune) rune {
	if asciiDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

func asciiDigit(c rune) bool  { return c >= '0' && c <= '9' }
func asciiLetter(c rune) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func asciiSpace(c rune) bool  { return c == ' ' || c >= '\t' && c <= '\r' }

// lengths returns the least and the greatest number of characters that a node matches.
func lengths(n node) (least, most int) {
	switch n := n.(type) {
	case set:
		return 1, 1
	case sequence:
		for _, part := range n {
			a, b := lengths(part)
			least, most = capped(least+a), sum(most, b)
		}
		return least, most
	case alternation:
		least, most = lengths(n[0])
		for _, part := range n[1:] {
			a, b := lengths(part)
			least = min(least, a)
			if most == unbounded || b == unbounded {
				most = unbounded
			} else {
				most = max(most, b)
			}
		}
		return least, most
	case group:
		return lengths(n.body)
	case independent:
		return lengths(n.body)
	case repetition:
		a, b := lengths(n.body)
		if n.max == unbounded || b == unbounded {
			return capped(a * min(n.min, maxProgram)), unbounded
		}
		return capped(a * min(n.min, maxProgram)), capped(b * min(n.max, maxProgram))
	case reference:
		return 0, unbounded
	}
	return 0, 0
}

// refersBack reports whether a node contains a back-reference, except within a look-around, which
// consumes nothing.
func refersBack(n node) bool {
	switch n := n.(type) {
	case sequence:
		return slices.ContainsFunc(n, refersBack)
	case alternation:
		return slices.ContainsFunc(n, refersBack)
	case group:
		return refersBack(n.body)
	case independent:
		return refersBack(n.body)
	case repetition:
		return refersBack(n.body)
	case reference:
		return true
	}
	return false
}

func sum(a, b int) int {
	if a == unbounded || b == unbounded {
		return unbounded
	}
	return capped(a + b)
}

func capped(n int) int { return min(n, maxProgram) }
