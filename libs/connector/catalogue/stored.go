package catalogue

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ParseStored is ParseResolved for a configuration that was accepted before: by an earlier version,
// which refused less, or by Kafka Connect. A value that is refused today is read as what it meant
// then, if it meant anything, with a warning.
func (c *Catalogue) ParseStored(given, resolved map[string]string) (values Values, warnings, errors []Problem) {
	return c.ParseChanged(given, resolved, func(string) bool { return true })
}

// ParseChanged is ParseStored for those keys whose values were accepted before, and ParseResolved for all others.
func (c *Catalogue) ParseChanged(given, resolved map[string]string, accepted func(name string) bool) (values Values,
	warnings, errors []Problem) {
	given, resolved = maps.Clone(given), maps.Clone(resolved)
	outdated := c.outdated(given, resolved, accepted, func(name string) bool { return given[name] != resolved[name] })
	values, warnings, errors = c.parse(given, resolved, accepted)
	return values, append(outdated, warnings...), errors
}

// StoredWarnings are those of ParseStored for a configuration whose references are not resolved. refers reports whether
// a value has any: then nothing is said of what it stands for.
func (c *Catalogue) StoredWarnings(given map[string]string, refers func(value string) bool) []Problem {
	given, resolved := maps.Clone(given), maps.Clone(given)
	outdated := c.outdated(given, resolved, func(string) bool { return true },
		func(name string) bool { return refers(given[name]) })
	_, warnings, _ := c.parse(given, resolved, func(string) bool { return true })
	return append(outdated, warnings...)
}

// outdated warns of values that were accepted before and are refused today, and replaces them in both configurations by
// what they meant. refers reports whether the value of a key is, or was, a reference.
func (c *Catalogue) outdated(given, resolved map[string]string, accepted,
	refers func(name string) bool) (outdated []Problem) {
	for _, name := range slices.Sorted(maps.Keys(resolved)) {
		key, known := c.Lookup(name)
		if !known || !accepted(name) {
			continue
		}
		if key.SeenIn != "" && key.SeenIn != InKeys && refers(name) {
			outdated = append(outdated, Problem{Key: name, Outdated: true, Message: fmt.Sprintf(
				"%s. As the configuration was accepted before, it is read as before; new ones with it are refused: change it.",
				key.seen(name, given[name]))})
			given[name] = resolved[name]
		}
		if refers(name) && given[name] == resolved[name] {
			continue // what it stands for is not known
		}
		problem := key.check(resolved[name])
		if problem == "" {
			continue
		}
		if key.checkStored(resolved[name]) == "" {
			outdated = append(outdated, key.outdated(name, given[name], resolved[name], problem, "it stays in force"))
			continue
		}
		meant, said := key.meant(resolved[name])
		if said == "" {
			continue
		}
		outdated = append(outdated, key.outdated(name, given[name], resolved[name], problem, said))
		if meant == nil {
			delete(resolved, name)
			delete(given, name)
			continue
		}
		given[name], resolved[name] = *meant, *meant
	}
	return outdated
}

// outdated is the warning about a value that new configurations may not have; said says how the
// value is read.
func (k Key) outdated(name, given, resolved, problem, said string) Problem {
	return Problem{Key: name, Outdated: true,
		Message: fmt.Sprintf("%s. As the configuration was accepted before, %s; new ones with it are refused: change it.",
			strings.TrimSuffix(k.invalid(name, given, resolved, problem), "."), said)}
}

// meant returns what a value that is refused today used to mean (nil: not set), and the words for
// it. said is empty if the value was always refused.
func (k Key) meant(value string) (meant *string, said string) {
	value = k.parsed(value)
	var most beyond
	switch {
	case value == "" && (len(k.Allowed) > 0 || k.Type != List && k.Type != Password), k.Type == Boolean:
		return nil, "it counts as not set"
	case k.Check != nil && errors.As(k.Check(value), &most):
		return new(strconv.FormatInt(int64(most), 10)), fmt.Sprintf("it counts as %d", most)
	}
	if i := slices.IndexFunc(k.Allowed, func(allowed string) bool { return strings.EqualFold(allowed, value) }); i >= 0 {
		return &k.Allowed[i], "it counts as " + k.Allowed[i]
	}
	return nil, ""
}

// beyond is the fault of a number that is larger than the most that is allowed.
type beyond int64

func (most beyond) Error() string { return fmt.Sprintf("Value must be no more than %d", int64(most)) }
