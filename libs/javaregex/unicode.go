package javaregex

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// tablesText is what testdata/Tables.java prints with Java 17.
//
//go:embed tables.txt
var tablesText string

// span is the characters from first to last; empty if last is before first.
type span struct{ first, last rune }

func (s span) has(c rune) bool { return c >= s.first && c <= s.last }

// javaTables holds what Java knows of Unicode but Go does not.
type javaTables struct {
	// blocks has blocks by name, scripts has names of scripts by their ISO 15924 codes; all names are
	// in upper case.
	blocks   map[string]span
	scripts  map[string]string
	mirrored []span
}

// tables parses them when a pattern first needs one.
var tables = sync.OnceValue(func() javaTables {
	t := javaTables{blocks: make(map[string]span), scripts: make(map[string]string)}
	for line := range strings.Lines(tablesText) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		switch fields[0] {
		case "block":
			for _, name := range fields[3:] {
				t.blocks[name] = spanOf(fields[1], fields[2])
			}
		case "script":
			t.scripts[fields[2]] = fields[1]
		case "mirrored":
			t.mirrored = append(t.mirrored, spanOf(fields[1], fields[2]))
		}
	}
	return t
})

// spanOf reads hexadecimal numbers, which tables.txt has.
func spanOf(first, last string) span {
	from, _ := strconv.ParseInt(first, 16, 32)
	to, _ := strconv.ParseInt(last, 16, 32)
	return span{rune(from), rune(to)}
}

// block returns the block of this name, in which spaces may be left out or replaced by underscores;
// nil if there is none.
func block(name string) predicate {
	if s, ok := tables().blocks[strings.ToUpper(name)]; ok {
		return s.has
	}
	return nil
}

func mirrored(c rune) bool {
	for _, s := range tables().mirrored {
		if s.has(c) {
			return true
		}
	}
	return false
}

// script returns the script of this name or ISO 15924 code; nil if there is none.
func script(name string) predicate {
	if full, ok := tables().scripts[strings.ToUpper(name)]; ok {
		name = full
	}
	if strings.EqualFold(name, "Unknown") {
		return func(c rune) bool {
			for _, table := range unicode.Scripts {
				if unicode.Is(table, c) {
					return false
				}
			}
			return true
		}
	}
	for known, table := range unicode.Scripts {
		if strings.EqualFold(known, name) {
			return in(table)
		}
	}
	return nil
}
