package catalogue

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/spelling"
)

// Parse checks a configuration against the catalogue. Values hold what was given even if there are errors, so that a
// caller can show it; only values without errors may be used to run a connector.
//
// Warnings name legacy spellings, unknown keys (with the nearest known one) and keys that have no effect. Errors name
// missing and malformed values, in the words of Kafka's ConfigDef, and unsupported keys that would change the data.
func (c *Catalogue) Parse(raw map[string]string) (values Values, warnings, errors []Problem) {
	return c.ParseResolved(raw, raw)
}

// ParseResolved is Parse for a configuration whose references (${file:…}) were replaced: resolved is checked and
// kept, but where a value differs from the given one, messages quote the reference and never what is behind it.
func (c *Catalogue) ParseResolved(given, resolved map[string]string) (values Values, warnings, errors []Problem) {
	values = Values{catalogue: c, given: make(map[string]string, len(resolved))}
	names := make([]string, 0, len(resolved))
	for name := range resolved {
		names = append(names, name)
	}
	sort.Strings(names)
	spelling := map[string]string{} // canonical name -> name as given
	for _, name := range names {
		key, ok := c.Lookup(name)
		if !ok {
			warnings = append(warnings, Problem{name, c.unknown(name)})
			values.given[name] = resolved[name]
			continue
		}
		canonical := name
		if slices.Contains(key.Aliases, name) {
			canonical = key.Name
			if _, both := resolved[canonical]; both {
				warnings = append(warnings, Problem{name, fmt.Sprintf("%s is ignored because %s, its present name, is also set.", name, canonical)})
				continue
			}
			if earlier, twice := spelling[canonical]; twice {
				warnings = append(warnings, Problem{name, fmt.Sprintf("%s is ignored because %s, another older name of %s, is also set.", name, earlier, canonical)})
				continue
			}
			warnings = append(warnings, Problem{name, fmt.Sprintf("%s is an older name of %s and is read as that.", name, canonical)})
		}
		spelling[canonical] = name
		values.given[canonical] = resolved[name]
		if key.Unsupported != "" && !key.isDefault(resolved[name]) {
			problem := Problem{name, fmt.Sprintf("%s is not supported: %s", name, key.Unsupported)}
			if key.ChangesData {
				errors = append(errors, problem)
			} else {
				warnings = append(warnings, problem)
			}
			continue
		}
		if problem := key.check(resolved[name]); problem != "" {
			errors = append(errors, Problem{name, key.invalid(name, given[name], resolved[name], problem)})
		}
	}
	for _, key := range c.keys {
		if value, ok := values.given[key.Name]; key.Required && (!ok || strings.TrimSpace(value) == "") {
			errors = append(errors, Problem{key.Name, fmt.Sprintf("Missing required configuration %q which has no default value.", key.Name)})
		}
	}
	return values, warnings, errors
}

func (k Key) isDefault(value string) bool {
	return k.Default != nil && strings.EqualFold(strings.TrimSpace(value), *k.Default)
}

// invalid words a bad value as Kafka's ConfigException does, without showing secrets.
func (k Key) invalid(name, given, resolved, problem string) string {
	switch {
	case given != resolved:
		return fmt.Sprintf("Invalid value %s for configuration %s: the value behind the reference is not a valid %s", given, name, k.Type)
	case k.Type == Password:
		return fmt.Sprintf("Invalid value [hidden] for configuration %s", name)
	}
	return fmt.Sprintf("Invalid value %s for configuration %s: %s", abbreviate(given), name, problem)
}

// check says what is wrong with a value, or nothing.
func (k Key) check(value string) string {
	trimmed := strings.TrimSpace(value)
	switch k.Type {
	case Boolean:
		if !strings.EqualFold(trimmed, "true") && !strings.EqualFold(trimmed, "false") {
			return "Expected value to be either true or false"
		}
	case Int:
		if _, err := strconv.ParseInt(trimmed, 10, 32); err != nil {
			return "Not a number of type INT"
		}
	case Long:
		if _, err := strconv.ParseInt(trimmed, 10, 64); err != nil {
			return "Not a number of type LONG"
		}
	case Double:
		if _, err := strconv.ParseFloat(trimmed, 64); err != nil {
			return "Not a number of type DOUBLE"
		}
	}
	if len(k.Allowed) > 0 && !slices.ContainsFunc(k.Allowed, func(allowed string) bool { return strings.EqualFold(allowed, trimmed) }) {
		return "Value must be one of " + strings.Join(k.Allowed, ", ")
	}
	if k.Check != nil {
		if err := k.Check(value); err != nil {
			return err.Error()
		}
	}
	return ""
}

func (c *Catalogue) unknown(name string) string {
	shown := abbreviate(name)
	if nearest := spelling.Nearest(name, c.spellings); nearest != "" {
		key, _ := c.Lookup(nearest)
		return fmt.Sprintf("%s is not a known configuration key and has no effect; did you mean %s?", shown, key.Name)
	}
	return fmt.Sprintf("%s is not a known configuration key and has no effect.", shown)
}

// spellings yields every name and alias, not those of families.
func (c *Catalogue) spellings(yield func(string) bool) {
	for _, key := range c.keys {
		if strings.HasSuffix(key.Name, "*") {
			continue
		}
		if !yield(key.Name) {
			return
		}
		for _, alias := range key.Aliases {
			if !yield(alias) {
				return
			}
		}
	}
}

// abbreviate keeps hostile input from flooding messages: at most 200 bytes are quoted.
func abbreviate(text string) string {
	const limit = 200
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
