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
	given, resolved = maps.Clone(given), maps.Clone(resolved)
	var outdated []Problem
	for _, name := range slices.Sorted(maps.Keys(resolved)) {
		key, known := c.Lookup(name)
		if !known {
			continue
		}
		if key.SeenIn != "" && key.SeenIn != InKeys && given[name] != resolved[name] {
			outdated = append(outdated, Problem{Key: name, Outdated: true, Message: fmt.Sprintf(
				"%s. As the configuration was accepted before, it is read as before; new ones with it are refused: change it.",
				key.seen(name, given[name]))})
			given[name] = resolved[name]
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
	values, warnings, errors = c.parse(given, resolved, Key.checkStored)
	return values, append(outdated, warnings...), errors
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
