package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// part is an element of a compiled pattern.
type part struct {
	kind partKind
	// word is the word that must be at this place, or an argument's name.
	word string
	// argument is an argument's kind.
	argument string
	// choices are the words of an alternative.
	choices []string
	// inner is an optional part's sequence.
	inner []part
}

type partKind uint8

const (
	wordPart partKind = iota
	argumentPart
	choicePart
	optionalPart
)

// compilePattern reads a pattern; see the package comment. Patterns are constants of this package: a wrong one panics
// in the first test that parses anything.
func compilePattern(pattern string) []part {
	parts, rest := compileSequence(strings.Fields(pattern))
	if len(rest) > 0 {
		panic("command pattern has an unmatched ]: " + pattern)
	}
	return parts
}

func compileSequence(words []string) (parts []part, rest []string) {
	for len(words) > 0 {
		w := words[0]
		words = words[1:]
		switch {
		case w == "]":
			return parts, append([]string{w}, words...)
		case w == "[":
			var inner []part
			inner, words = compileSequence(words)
			if len(words) == 0 {
				panic("command pattern has an unmatched [")
			}
			words = words[1:]
			parts = append(parts, part{kind: optionalPart, inner: inner})
		case strings.HasPrefix(w, "<") && w != "<|":
			name, kind, _ := strings.Cut(strings.Trim(w, "<>"), ":")
			parts = append(parts, part{kind: argumentPart, word: name, argument: kind})
		case strings.HasPrefix(w, "{"):
			name, choices, _ := strings.Cut(strings.Trim(w, "{}"), ":")
			parts = append(parts, part{kind: choicePart, word: name, choices: strings.Split(choices, "|")})
		default:
			parts = append(parts, part{kind: wordPart, word: w})
		}
	}
	return parts, nil
}

// Args are a command's arguments by name. What an argument is follows from its kind in the pattern.
type Args struct {
	texts   map[string]string
	columns map[string][]kql.Column
	lists   map[string][]string
	options map[string]map[string]string
}

func newArgs() Args {
	return Args{texts: map[string]string{}, columns: map[string][]kql.Column{}, lists: map[string][]string{},
		options: map[string]map[string]string{}}
}

func (a Args) clone() Args {
	return Args{texts: maps.Clone(a.texts), columns: maps.Clone(a.columns), lists: maps.Clone(a.lists),
		options: maps.Clone(a.options)}
}

// Has reports whether the argument was given.
func (a Args) Has(name string) bool {
	_, ok := a.texts[name]
	return ok
}

// Text returns the argument's text, "" when it was not given.
func (a Args) Text(name string) string { return a.texts[name] }

// match tries a pattern on a command's text.
type match struct {
	text string
	args Args
	// reached is the furthest offset at which matching failed, expected what would have been right there.
	reached  int
	expected []string
	// words counts the pattern's own words that matched: of two patterns that match, the one with more is meant.
	words int
}

func (m *match) fail(offset int, expected string) (int, bool) {
	offset = skipBlank(m.text, offset)
	if offset > m.reached {
		m.reached, m.expected = offset, nil
	}
	if offset == m.reached && !slices.Contains(m.expected, expected) {
		m.expected = append(m.expected, expected)
	}
	return 0, false
}

// sequence matches parts from offset on and returns where they end.
func (m *match) sequence(parts []part, offset int) (int, bool) {
	for i, p := range parts {
		if p.kind == optionalPart {
			args, words := m.args.clone(), m.words
			if end, ok := m.sequence(p.inner, offset); ok {
				if end, ok := m.sequence(parts[i+1:], end); ok {
					return end, true
				}
			}
			m.args, m.words = args, words
			continue
		}
		end, ok := m.one(p, offset)
		if !ok {
			return 0, false
		}
		offset = end
	}
	return offset, true
}

func (m *match) one(p part, offset int) (int, bool) {
	t := next(m.text, offset)
	switch p.kind {
	case wordPart:
		if t.kind != stringToken && strings.EqualFold(t.text, p.word) {
			m.words++
			return t.end, true
		}
		return m.fail(offset, p.word)
	case choicePart:
		for _, choice := range p.choices {
			if t.kind == wordToken && strings.EqualFold(t.text, choice) {
				m.args.texts[p.word] = choice
				m.words++
				return t.end, true
			}
		}
		return m.fail(offset, strings.Join(p.choices, " or "))
	}
	return m.argument(p, t, offset)
}

func (m *match) argument(p part, t token, offset int) (int, bool) {
	switch p.argument {
	case "":
		return m.name(p, t, offset)
	case "column":
		return m.column(p, t, offset)
	case "string":
		if t.kind != stringToken {
			return m.fail(offset, "a string")
		}
		m.args.texts[p.word] = t.value
		return t.end, true
	case "value":
		text, end := scalar(m.text, offset)
		if end == offset {
			return m.fail(offset, "a value")
		}
		m.args.texts[p.word] = text
		return end, true
	case "schema":
		return m.schema(p, t, offset)
	case "list":
		return m.list(p, t, offset)
	case "props":
		return m.props(p, t, offset)
	case "assignments":
		return m.assignments(p, offset)
	case "params":
		return m.enclosed(p, t, offset, "(")
	case "body":
		return m.enclosed(p, t, offset, "{")
	case "rest":
		m.args.texts[p.word] = strings.TrimSpace(m.text[offset:])
		return len(m.text), true
	}
	panic("command pattern has an argument of the unknown kind " + p.argument)
}

// name matches an entity's name: plain, quoted in brackets, or a string.
func (m *match) name(p part, t token, offset int) (int, bool) {
	if t.kind != wordToken && t.kind != quotedNameToken && t.kind != stringToken || strings.HasPrefix(t.text, ".") {
		return m.fail(offset, "a name ("+p.word+")")
	}
	m.args.texts[p.word] = t.value
	return t.end, true
}

// column matches T.c, and keeps its halves under the argument's name and name+".column".
func (m *match) column(p part, t token, offset int) (int, bool) {
	table, ok := m.name(p, t, offset)
	if !ok || table >= len(m.text) || m.text[table] != '.' {
		return m.fail(offset, "a column (Table.Column)")
	}
	half := part{word: p.word + ".column"}
	return m.name(half, next(m.text, table+1), table+1)
}

func (m *match) enclosed(p part, t token, offset int, bracket string) (int, bool) {
	if t.text != bracket {
		return m.fail(offset, bracket)
	}
	end := enclosed(m.text, t.start)
	if end < 0 {
		return m.fail(len(m.text), "the closing bracket")
	}
	m.args.texts[p.word] = m.text[t.start:end]
	return end, true
}

// each matches items up to the closing bracket; item matches one that begins at an offset.
func (m *match) each(offset int, item func(offset int) (end int, ok bool)) (int, bool) {
	for {
		end, ok := item(offset)
		if !ok {
			return 0, false
		}
		switch after := next(m.text, end); after.text {
		case ")":
			return after.end, true
		case ",":
			offset = after.end
		default:
			return m.fail(end, ", or )")
		}
	}
}

// item matches the name of one of each; what says which.
func (m *match) item(offset int, what string) (t token, ok bool) {
	t = next(m.text, offset)
	if t.kind != wordToken && t.kind != quotedNameToken && t.kind != stringToken {
		m.fail(offset, what)
		return t, false
	}
	return t, true
}

// schema matches (a:type, ['b c']:type); an empty list is possible.
func (m *match) schema(p part, t token, offset int) (int, bool) {
	if t.text != "(" {
		return m.fail(offset, "(column: type, …)")
	}
	var columns []kql.Column
	end, ok := 0, true
	if first := next(m.text, t.end); first.text == ")" {
		end = first.end
	} else {
		end, ok = m.each(t.end, func(offset int) (int, bool) {
			name, ok := m.item(offset, "a column name")
			if !ok {
				return 0, false
			}
			colon := next(m.text, name.end)
			if colon.text != ":" {
				return m.fail(name.end, ":")
			}
			typeName := next(m.text, colon.end)
			typ, ok := value.ParseType(typeName.text)
			if !ok {
				return m.fail(colon.end, "a type (string, int, long, real, decimal, bool, datetime, timespan, guid, dynamic)")
			}
			columns = append(columns, kql.Column{Name: name.value, Type: typ})
			return typeName.end, true
		})
	}
	if ok {
		m.args.columns[p.word] = columns
		m.args.texts[p.word] = ""
	}
	return end, ok
}

// list matches (A, B) or one bare name, or 'A', 'B' within brackets.
func (m *match) list(p part, t token, offset int) (int, bool) {
	if t.text != "(" {
		end, ok := m.name(p, t, offset)
		m.args.lists[p.word] = []string{t.value}
		return end, ok
	}
	var names []string
	end, ok := m.each(t.end, func(offset int) (int, bool) {
		name, ok := m.item(offset, "a name")
		names = append(names, name.value)
		return name.end, ok
	})
	if ok {
		m.args.lists[p.word] = names
		m.args.texts[p.word] = ""
	}
	return end, ok
}

// props matches (key=value, …). Keys are kept in lower case.
func (m *match) props(p part, t token, offset int) (int, bool) {
	if t.text != "(" {
		return m.fail(offset, "(property = value, …)")
	}
	options := map[string]string{}
	offset = t.end
	for {
		key := next(m.text, offset)
		if key.text == ")" {
			offset = key.end
			break
		}
		if key.kind == punctuationToken && key.text == "," && len(options) > 0 {
			offset = key.end
			continue
		}
		end, ok := m.assignment(options, key, offset)
		if !ok {
			return 0, false
		}
		offset = end
	}
	m.args.options[p.word] = options
	m.args.texts[p.word] = ""
	return offset, true
}

func (m *match) assignment(options map[string]string, key token, offset int) (int, bool) {
	if key.kind != wordToken && key.kind != stringToken {
		return m.fail(offset, "a property")
	}
	equals := next(m.text, key.end)
	if equals.text != "=" {
		return m.fail(key.end, "=")
	}
	text, end := scalar(m.text, equals.end)
	if end == equals.end {
		return m.fail(equals.end, "a value")
	}
	options[strings.ToLower(key.value)] = text
	return end, true
}

// assignments matches key = value pairs up to the end of the command.
func (m *match) assignments(p part, offset int) (int, bool) {
	options := map[string]string{}
	for {
		key := next(m.text, offset)
		if key.kind == endToken && len(options) > 0 {
			break
		}
		if key.text == "," && len(options) > 0 {
			offset = key.end
			continue
		}
		end, ok := m.assignment(options, key, offset)
		if !ok {
			return 0, false
		}
		offset = end
	}
	m.args.options[p.word] = options
	m.args.texts[p.word] = ""
	return offset, true
}

// scalar reads a string literal, or a run of characters that ends before white space, a comma or a bracket; type
// wrappers as in datetime(2020-01-01) and time(1d) are taken off, dynamic(…) keeps its JSON.
func scalar(text string, offset int) (content string, end int) {
	t := next(text, offset)
	switch t.kind {
	case stringToken, quotedNameToken:
		return t.value, t.end
	case endToken, badToken:
		return "", offset
	}
	if open := next(text, t.end); t.kind == wordToken && open.text == "(" && open.start == t.end {
		if _, ok := value.ParseType(t.text); ok {
			if closing := enclosed(text, open.start); closing > 0 {
				inner := strings.TrimSpace(text[open.end : closing-1])
				if quoted := next(inner, 0); quoted.kind == stringToken && quoted.end == len(inner) {
					inner = quoted.value
				}
				return inner, closing
			}
		}
	}
	if t.text == "{" || t.text == "[" {
		if closing := enclosed(text, t.start); closing > 0 {
			return text[t.start:closing], closing
		}
		return "", offset
	}
	end = t.start
	for end < len(text) && !isBlank(text[end]) && !strings.ContainsRune(",()=<|", rune(text[end])) {
		end++
	}
	if end == t.start {
		return "", offset
	}
	return text[t.start:end], end
}

// position turns an offset into line and column, both from 1.
func position(text string, offset int) (line, column int) {
	before := text[:min(offset, len(text))]
	line = 1 + strings.Count(before, "\n")
	return line, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
}

// syntaxError words what was expected where.
func syntaxError(text string, offset int, expected []string) error {
	found := next(text, offset).text
	message := "The command ends where more was expected"
	if found != "" {
		if len(found) > 40 {
			found = found[:40] + "…"
		}
		message = fmt.Sprintf("The command could not be parsed at '%s'", found)
	}
	line, column := position(text, offset)
	slices.Sort(expected)
	hint := ""
	if len(expected) > 0 {
		if len(expected) > 12 {
			expected = append(expected[:12], "…")
		}
		hint = "expected " + strings.Join(expected, ", ")
	}
	return &syntax.Error{Code: "SYN0002", Message: message, Line: line, Column: column, Hint: hint, Permanent: true}
}
