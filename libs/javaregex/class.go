package javaregex

import (
	"fmt"
	"strings"
	"unicode"
)

// predicate is a class of characters.
type predicate func(rune) bool

func not(a predicate) predicate    { return func(c rune) bool { return !a(c) } }
func or(a, b predicate) predicate  { return func(c rune) bool { return a(c) || b(c) } }
func and(a, b predicate) predicate { return func(c rune) bool { return a(c) && b(c) } }

// union is the union of a and b; a may be nil.
func union(a, b predicate) predicate {
	if a == nil {
		return b
	}
	return or(a, b)
}

// class reads a class from its "[", or the part of a class after "&&", without its "]".
func (p *parser) class(whole bool) predicate {
	p.deeper()
	defer func() { p.depth-- }()
	negated := false
	if whole {
		p.at++
		if p.peek() == '^' && p.raw(p.at-1) == '[' {
			p.at++
			negated = true
		}
	}
	var all predicate
	for {
		switch p.peek() {
		case '[':
			all = union(all, p.class(true))
			continue
		case '&':
			if p.raw(p.at+1) != '&' {
				break
			}
			p.at += 2
			right := p.intersected()
			switch {
			case right == nil && all == nil:
				p.at++
				p.fail("Bad class syntax", p.at-1)
			case right == nil: // as if the && were not there
			case all == nil:
				all = right
			default:
				all = and(all, right)
			}
			continue
		case end:
			p.fail("Unclosed character class", len(p.text)-1)
		case ']':
			if all == nil {
				break
			}
			if whole {
				p.at++
			}
			if negated {
				return not(all)
			}
			return all
		}
		all = union(all, p.member())
	}
}

// intersected reads what is between "&&" and the next "&&" or the end of the class; nil if that is
// empty.
func (p *parser) intersected() predicate {
	var right predicate
	for {
		switch p.peek() {
		case ']', '&':
			return right
		case end:
			p.fail("Unclosed character class", len(p.text)-1)
		case '[':
			right = union(right, p.class(true))
		default:
			right = union(right, p.class(false))
		}
	}
}

// member reads a character, a range or an escape of a class.
func (p *parser) member() predicate {
	first, escape := p.bound(false)
	if escape != nil {
		return escape
	}
	if p.peek() != '-' {
		return p.flags.single(first)
	}
	switch p.raw(p.at + 1) {
	case '[', ']':
		return p.flags.single(first)
	}
	p.at++
	p.peek()
	last, escape := p.bound(true)
	if escape != nil || last < first {
		p.fail("Illegal character range", p.at-1)
	}
	return p.flags.span(first, last)
}

// bound reads one character of a class or, unless it would end a range, an escape that stands for
// several.
func (p *parser) bound(ending bool) (rune, predicate) {
	c := p.peek()
	if c == end {
		p.fail("Unclosed character class", len(p.text)-1)
	}
	p.at++
	if c != '\\' {
		return c, nil
	}
	switch c = p.raw(p.at); c {
	case end:
		p.fail("Unclosed character class", len(p.text)-1)
	case 'p', 'P':
		return 0, p.property()
	case 'v':
		if ending || p.raw(p.at+1) == '-' {
			p.at++
			return '\v', nil
		}
	case '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'G', 'R', 'X', 'Z', 'b', 'k', 'z':
		p.at++
		p.fail("Illegal/unsupported escape sequence", p.at-1)
	}
	if has, ok := p.classEscape(); ok {
		return 0, has
	}
	return p.character(), nil
}

// exactly matches one character, in this case only.
func (f flags) exactly(c rune) predicate { return func(x rune) bool { return x == c } }

// single matches one character, with the flags that ignore case.
func (f flags) single(c rune) predicate {
	switch {
	case f.fold && f.foldUnicode:
		lower := unicode.ToLower(unicode.ToUpper(c))
		return func(x rune) bool { return x == c || unicode.ToLower(unicode.ToUpper(x)) == lower }
	case f.fold && asciiLetter(c):
		return func(x rune) bool { return asciiLetter(x) && x|0x20 == c|0x20 }
	}
	return f.exactly(c)
}

// span matches a range, with the flags that ignore case.
func (f flags) span(first, last rune) predicate {
	in := func(c rune) bool { return c >= first && c <= last }
	switch {
	case f.fold && f.foldUnicode:
		return func(c rune) bool {
			upper := unicode.ToUpper(c)
			return in(c) || in(upper) || in(unicode.ToLower(upper))
		}
	case f.fold:
		return func(c rune) bool { return in(c) || asciiLetter(c) && in(c^0x20) }
	}
	return in
}

// escapeClass returns the class of \d, \h, \s, \v or \w.
func (f flags) escapeClass(name rune) (predicate, bool) {
	switch name {
	case 'd':
		if f.unicodeClass {
			return in(unicode.Nd), true
		}
		return asciiDigit, true
	case 'h':
		return horizontalSpace, true
	case 's':
		if f.unicodeClass {
			return whiteSpace, true
		}
		return asciiSpace, true
	case 'v':
		return verticalSpace, true
	case 'w':
		if f.unicodeClass {
			return unicodeWord, true
		}
		return func(c rune) bool { return c == '_' || asciiLetter(c) || asciiDigit(c) }, true
	}
	return nil, false
}

func in(tables ...*unicode.RangeTable) predicate {
	return func(c rune) bool { return unicode.In(c, tables...) }
}

func lineTerminator(c rune) bool {
	return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029
}

func verticalSpace(c rune) bool {
	return c >= '\n' && c <= '\r' || c == 0x85 || c == 0x2028 || c == 0x2029
}

func horizontalSpace(c rune) bool {
	return c == '\t' || c == 0x180e || unicode.Is(unicode.Zs, c)
}

func whiteSpace(c rune) bool {
	return unicode.Is(unicode.Z, c) || asciiSpace(c) || c == 0x85
}

func letterOrDigit(c rune) bool { return unicode.In(c, unicode.L, unicode.Nd) }

func lowercase(c rune) bool { return unicode.In(c, unicode.Ll, unicode.Other_Lowercase) }
func uppercase(c rune) bool { return unicode.In(c, unicode.Lu, unicode.Other_Uppercase) }
func alphabetic(c rune) bool {
	return unicode.In(c, unicode.L, unicode.Nl, unicode.Other_Alphabetic)
}
func anyCase(c rune) bool    { return lowercase(c) || uppercase(c) || unicode.Is(unicode.Lt, c) }
func identStart(c rune) bool { return unicode.In(c, unicode.L, unicode.Nl) }
func assigned(c rune) bool {
	return unicode.In(c, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.C)
}
func joinControl(c rune) bool { return c == 0x200c || c == 0x200d }

func unicodeWord(c rune) bool {
	return alphabetic(c) || joinControl(c) || unicode.In(c, unicode.M, unicode.Nd, unicode.Pc)
}

func ignorable(c rune) bool {
	return c >= 0 && c <= 8 || c >= 0xe && c <= 0x1b || c >= 0x7f && c <= 0x9f || unicode.Is(unicode.Cf, c)
}

// asciiClasses are POSIX's classes, limited to ASCII.
var asciiClasses = map[string]predicate{
	"ASCII":  func(c rune) bool { return c <= 0x7f },
	"Alnum":  func(c rune) bool { return asciiLetter(c) || asciiDigit(c) },
	"Alpha":  asciiLetter,
	"Blank":  func(c rune) bool { return c == ' ' || c == '\t' },
	"Cntrl":  func(c rune) bool { return c < 0x20 || c == 0x7f },
	"Digit":  asciiDigit,
	"Graph":  func(c rune) bool { return c > ' ' && c < 0x7f },
	"Lower":  func(c rune) bool { return c >= 'a' && c <= 'z' },
	"Print":  func(c rune) bool { return c >= ' ' && c < 0x7f },
	"Punct":  func(c rune) bool { return c > ' ' && c < 0x7f && !asciiLetter(c) && !asciiDigit(c) },
	"Space":  asciiSpace,
	"Upper":  func(c rune) bool { return c >= 'A' && c <= 'Z' },
	"XDigit": hexDigit,
}

// unicodeClasses are POSIX's classes and properties in Unicode's meaning, by names in upper case.
var unicodeClasses = map[string]predicate{
	"ALPHA": alphabetic, "ALPHABETIC": alphabetic,
	"LOWER": lowercase, "LOWERCASE": lowercase,
	"UPPER": uppercase, "UPPERCASE": uppercase,
	"TITLECASE": in(unicode.Lt),
	"SPACE":     whiteSpace, "WHITESPACE": whiteSpace, "WHITE_SPACE": whiteSpace,
	"PUNCT": in(unicode.P), "PUNCTUATION": in(unicode.P),
	"XDIGIT": unicodeHex, "HEXDIGIT": unicodeHex, "HEX_DIGIT": unicodeHex,
	"ALNUM": func(c rune) bool { return alphabetic(c) || unicode.Is(unicode.Nd, c) },
	"CNTRL": in(unicode.Cc), "CONTROL": in(unicode.Cc),
	"DIGIT": in(unicode.Nd), "LETTER": in(unicode.L),
	"BLANK": func(c rune) bool { return c == '\t' || unicode.Is(unicode.Zs, c) },
	"GRAPH": graphic,
	"PRINT": func(c rune) bool { return graphic(c) || unicode.Is(unicode.Zs, c) },
	"WORD":  unicodeWord, "ASSIGNED": assigned,
	"IDEOGRAPHIC": in(unicode.Ideographic),
	"JOINCONTROL": joinControl, "JOIN_CONTROL": joinControl,
	"NONCHARACTERCODEPOINT":   in(unicode.Noncharacter_Code_Point),
	"NONCHARACTER_CODE_POINT": in(unicode.Noncharacter_Code_Point),
}

// posix are the names in unicodeClasses that have Unicode's meaning with the flag U, without the
// prefix "Is".
var posix = map[string]bool{"ALPHA": true, "LOWER": true, "UPPER": true, "SPACE": true, "PUNCT": true, "XDIGIT": true,
	"ALNUM": true, "CNTRL": true, "DIGIT": true, "BLANK": true, "GRAPH": true, "PRINT": true}

func unicodeHex(c rune) bool { return unicode.In(c, unicode.Nd, unicode.Hex_Digit) }

func graphic(c rune) bool { return assigned(c) && !unicode.In(c, unicode.Z, unicode.Cc, unicode.Cs) }

// javaClasses are the classes that methods of java.lang.Character define.
var javaClasses = map[string]predicate{
	"LowerCase": lowercase, "UpperCase": uppercase, "TitleCase": in(unicode.Lt), "Alphabetic": alphabetic,
	"Ideographic": in(unicode.Ideographic), "Digit": in(unicode.Nd), "Defined": assigned, "Letter": in(unicode.L),
	"LetterOrDigit": letterOrDigit, "SpaceChar": in(unicode.Z), "IdentifierIgnorable": ignorable,
	"ISOControl": in(unicode.Cc), "Mirrored": mirrored,
	"Whitespace": func(c rune) bool {
		return asciiSpace(c) || c >= 0x1c && c <= 0x1f || unicode.Is(unicode.Z, c) && c != 0xa0 && c != 0x2007 && c != 0x202f
	},
	"JavaIdentifierStart": func(c rune) bool { return identStart(c) || unicode.In(c, unicode.Sc, unicode.Pc) },
	"JavaIdentifierPart": func(c rune) bool {
		return identStart(c) || ignorable(c) || unicode.In(c, unicode.Sc, unicode.Pc, unicode.Nd, unicode.Mn, unicode.Mc)
	},
	"UnicodeIdentifierStart": func(c rune) bool { return identStart(c) || unicode.Is(unicode.Other_ID_Start, c) },
	"UnicodeIdentifierPart": func(c rune) bool {
		return identStart(c) || ignorable(c) || unicode.In(c, unicode.Other_ID_Start, unicode.Other_ID_Continue, unicode.Pc,
			unicode.Nd, unicode.Mn, unicode.Mc)
	},
}

// property reads \p{…} or \P{…} from the p.
func (p *parser) property() predicate {
	complement := p.read() == 'P'
	name := ""
	if p.raw(p.at) != '{' {
		if p.raw(p.at) == end {
			p.fail("Unknown character property name {}", p.at)
		}
		name = string(p.read())
	} else {
		p.at++
		from := p.at
		for p.raw(p.at) != '}' {
			if p.raw(p.at) == end {
				p.fail("Unclosed character family", len(p.text)-1)
			}
			p.at++
		}
		if name = string(p.text[from:p.at]); name == "" {
			p.at++
			p.fail("Empty character family", p.at-1)
		}
		p.at++
	}
	has := p.named(name)
	if complement {
		return not(has)
	}
	return has
}

func (p *parser) named(name string) predicate {
	if key, value, pair := strings.Cut(name, "="); pair {
		switch key = strings.ToLower(key); key {
		case "sc", "script":
			if has := script(value); has != nil {
				return has
			}
		case "blk", "block":
			if has := block(value); has != nil {
				return has
			}
		case "gc", "general_category":
			if has := p.flags.category(value); has != nil {
				return has
			}
		}
		p.fail(fmt.Sprintf("Unknown Unicode property {name=<%s>, value=<%s>}", key, value), p.at-1)
	}
	var has predicate
	switch rest, is := strings.CutPrefix(name, "Is"); {
	case strings.HasPrefix(name, "In"):
		has = block(name[len("In"):])
	case is:
		if has = p.flags.unicodeClassOf(rest); has == nil {
			has = p.flags.category(rest)
		}
		if has == nil {
			has = script(rest)
		}
	default:
		if p.flags.unicodeClass && posix[strings.ToUpper(name)] {
			has = p.flags.unicodeClassOf(name)
		}
		if has == nil {
			has = p.flags.category(name)
		}
	}
	if has == nil {
		p.fail("Unknown character property name {"+name+"}", p.at-1)
	}
	return has
}

func (f flags) unicodeClassOf(name string) predicate {
	name = strings.ToUpper(name)
	switch name {
	case "LOWER", "LOWERCASE", "UPPER", "UPPERCASE", "TITLECASE":
		if f.fold {
			return anyCase
		}
	}
	return unicodeClasses[name]
}

// category returns a general category, an ASCII class of POSIX or a class of Java; nil if there is
// none of this name.
func (f flags) category(name string) predicate {
	if f.fold {
		switch name {
		case "Lu", "Ll", "Lt":
			return in(unicode.Lu, unicode.Ll, unicode.Lt)
		case "Lower", "Upper":
			return asciiLetter
		case "javaLowerCase", "javaUpperCase", "javaTitleCase":
			return anyCase
		}
	}
	switch name {
	case "LC":
		return in(unicode.Lu, unicode.Ll, unicode.Lt)
	case "LD":
		return letterOrDigit
	case "L1":
		return func(c rune) bool { return c <= 0xff }
	case "all":
		return func(rune) bool { return true }
	case "Cn":
		return not(assigned)
	case "C":
		return func(c rune) bool { return unicode.Is(unicode.C, c) || !assigned(c) }
	}
	if has, ok := asciiClasses[name]; ok {
		return has
	}
	if rest, java := strings.CutPrefix(name, "java"); java {
		return javaClasses[rest]
	}
	if table, ok := unicode.Categories[name]; ok && len(name) <= 2 {
		return in(table)
	}
	return nil
}
