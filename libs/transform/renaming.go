package transform

import (
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
)

// renaming gives new names to those that a pattern matches as a whole.
type renaming struct {
	pattern *javaregex.Pattern
	// text replaces the first match of the pattern in a name; with is text compiled.
	text string
	with *javaregex.Replacement
	// known holds the names seen so far; it is emptied when it holds namesLimit.
	known map[string]renamed
}

type renamed struct {
	name    string
	matched bool
}

const namesLimit = 4096

// finish compiles the replacement.
func (t *renaming) finish(s catalogue.Settings) error {
	var err error
	if t.with, err = t.pattern.Replacement(t.text); err != nil {
		return s.Refuse(&t.text, err.Error())
	}
	t.known = map[string]renamed{}
	return nil
}

// of returns the new name and true, or name and false if the pattern does not match.
func (t *renaming) of(name string) (string, bool, error) {
	n, ok := t.known[name]
	if !ok {
		if err := t.pattern.Takes(name); err != nil {
			return "", false, err
		}
		n.name = name
		if n.matched = t.pattern.Matches(name); n.matched {
			n.name = t.pattern.ReplaceFirst(name, t.with)
		}
		if len(t.known) >= namesLimit {
			clear(t.known)
		}
		t.known[name] = n
	}
	return n.name, n.matched, nil
}
