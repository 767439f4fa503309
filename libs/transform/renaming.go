package transform

import "github.com/calypso-cdc/calypso/libs/javaregex"

// renaming gives names that match as a whole other ones.
type renaming struct {
	pattern *javaregex.Pattern
	with    *javaregex.Replacement
	// known are the names seen so far; it is emptied when it holds namesLimit.
	known map[string]renamed
}

type renamed struct {
	name    string
	matched bool
}

const namesLimit = 4096

// of returns the new name; false if the pattern does not match.
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
