package catalogue

import (
	"cmp"
	"errors"
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
// missing and malformed values, in the words of the keys' dialects and in the order of declaration, and unsupported
// keys that would change the data.
func (c *Catalogue) Parse(raw map[string]string) (values Values, warnings, problems []Problem) {
	return c.ParseResolved(raw, raw)
}

// ParseResolved is Parse for a configuration whose references (${file:…}) were replaced: resolved is checked and
// kept, but where a value differs from the given one, messages quote the reference and never what is behind it.
func (c *Catalogue) ParseResolved(given, resolved map[string]string) (values Values, warnings, problems []Problem) {
	return c.parse(given, resolved, func(string) bool { return false })
}

// parse is ParseResolved, which takes what was accepted before for right where earlier versions took it.
func (c *Catalogue) parse(given, resolved map[string]string, accepted func(name string) bool) (values Values,
	warnings, problems []Problem) {
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
			warnings = append(warnings, Problem{Key: name, Message: c.unknown(name)})
			values.given[name] = resolved[name]
			continue
		}
		if key.Members.Only && !key.hasMember(name) {
			warnings = append(warnings, Problem{Key: name, Message: c.unread(key, name)})
		} else if meant := key.slip(name); meant != "" {
			warnings = append(warnings,
				Problem{Key: name, Message: fmt.Sprintf("%s is not a known configuration key and has no effect; did you mean %s?",
					abbreviate(name), meant)})
		}
		canonical := name
		if slices.Contains(key.Aliases, name) {
			canonical = key.Name
			if _, both := resolved[canonical]; both {
				warnings = append(warnings, Problem{Key: name,
					Message: fmt.Sprintf("%s is ignored because %s, its present name, is also set.", name, canonical)})
				continue
			}
			if earlier, twice := spelling[canonical]; twice {
				warnings = append(warnings, Problem{Key: name,
					Message: fmt.Sprintf("%s is ignored because %s, another older name of %s, is also set.", name,
						earlier, canonical)})
				continue
			}
			warnings = append(warnings,
				Problem{Key: name, Message: fmt.Sprintf("%s is an older name of %s and is read as that.", name, canonical),
					Harmless: true})
		}
		spelling[canonical] = name
		if key.SeenIn != "" && given[name] != resolved[name] {
			problems = append(problems, Problem{Key: name, Message: key.seen(name, given[name])})
			continue
		}
		values.given[canonical] = key.parsed(resolved[name])
		check := Key.check
		if accepted(name) {
			check = Key.checkStored
		}
		if problem := check(key, resolved[name]); problem != "" {
			problems = append(problems, Problem{Key: name, Message: key.invalid(name, given[name], resolved[name], problem)})
			continue
		}
		if key.Unsupported != "" && !key.isDefault(resolved[name]) {
			problem := Problem{Key: name, Message: fmt.Sprintf("%s is not supported: %s", name, key.Unsupported)}
			if key.ChangesData {
				problems = append(problems, problem)
			} else {
				warnings = append(warnings, problem)
			}
		}
	}
	for _, key := range c.keys {
		value, ok := values.given[key.Name]
		if key.Required && (!ok || !key.MayBeEmpty && strings.TrimSpace(value) == "" &&
			!hasProblem(problems, spelling[key.Name])) {
			problems = append(problems, Problem{Key: key.Name, Message: key.missing()})
		}
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(c.place(a.Key), c.place(b.Key)) })
	return values, warnings, problems
}

func hasProblem(problems []Problem, key string) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Key == key })
}

// place is the index of the declaration of a key, as a configuration spells it.
func (c *Catalogue) place(name string) int {
	key, _ := c.Lookup(name)
	return slices.IndexFunc(c.keys, func(k Key) bool { return k.Name == key.Name })
}

// missing is the message about a required value that is not set.
func (k Key) missing() string {
	if k.Dialect == Field {
		return fmt.Sprintf("The '%s' value is invalid: A value is required", k.Name)
	}
	return fmt.Sprintf("Missing required configuration \"%s\" which has no default value.", k.Name)
}

// isDefault reports whether a value asks for nothing special: it is the default, or blank if there
// is none.
func (k Key) isDefault(value string) bool {
	value = strings.TrimSpace(value)
	switch {
	case k.Default == nil:
		return value == ""
	case k.Type == Class:
		return value == *k.Default
	}
	return strings.EqualFold(value, *k.Default)
}

// seen is the message about a reference whose value everybody would see.
func (k Key) seen(name, given string) string {
	return fmt.Sprintf(
		"Invalid value %s for configuration %s: this value %s what a reference stands for would be seen: write the names themselves",
		abbreviate(given), name, k.SeenIn)
}

// invalid is the message about a bad value, in the words of Kafka's ConfigException or Debezium's
// Field, without secrets.
func (k Key) invalid(name, given, resolved, problem string) string {
	switch {
	case given == resolved && k.Type != Password && k.Dialect == Field:
		return fmt.Sprintf("The '%s' value is invalid: %s", name, problem)
	case given != resolved:
		return fmt.Sprintf("Invalid value %s for configuration %s: the value behind the reference is not a valid %s",
			given, name, k.Type)
	case k.Type == Password:
		return fmt.Sprintf("Invalid value [hidden] for configuration %s", name)
	case k.Type == List && k.Dialect != Field:
		given = "[" + strings.Join(Items(given), ", ") + "]"
	}
	return fmt.Sprintf("Invalid value %s for configuration %s: %s", abbreviate(MaskWithin(given)), name, problem)
}

// parsed is a value as the readers of the key get it. Kafka's ConfigDef trims values of every type
// (ConfigDef.parseType); Debezium's Field leaves texts and passwords as they are, unless there is a
// list of allowed values.
func (k Key) parsed(value string) string {
	if k.Dialect == Passed || k.Dialect == Field && (k.Type == Password || k.Type == String && len(k.Allowed) == 0) {
		return value
	}
	return Trimmed(value)
}

// Trimmed is a text without what Java's String.trim removes from its ends.
func Trimmed(text string) string {
	return strings.TrimFunc(text, func(c rune) bool { return c <= ' ' })
}

// check says what is wrong with a value of a new configuration; empty if nothing is.
func (k Key) check(value string) string {
	problem, _ := k.judge(value)
	return problem
}

// checkStored says what is wrong with a value even in a configuration that was accepted before;
// empty if nothing is.
func (k Key) checkStored(value string) string {
	problem, newly := k.judge(value)
	if newly {
		return ""
	}
	return problem
}

// judge says what is wrong with a value, and whether only new configurations are refused for it,
// since earlier versions accepted it. problem is empty if nothing is wrong.
func (k Key) judge(given string) (problem string, newly bool) {
	value := k.parsed(given)
	if k.Dialect == Passed {
		value = Trimmed(value)
	}
	if !k.Type.takes(value) {
		return k.Dialect.wrongType(k.Type), false
	}
	if len(k.Allowed) > 0 && !slices.ContainsFunc(k.Allowed,
		func(allowed string) bool { return allowed == value || !k.Cased && strings.EqualFold(allowed, value) }) {
		return k.notAllowed(), false
	}
	if k.Check != nil {
		if err := k.Check(value); err != nil {
			_, newly := errors.AsType[newer](err)
			return shortened(err.Error(), longestReason), newly
		}
	}
	if number := k.Type == Int || k.Type == Long || k.Type == Double; number && k.Dialect == Field && given != value {
		return k.Dialect.wrongType(k.Type), true // Debezium has Java read numbers, which takes no spaces
	}
	return "", false
}

// newer is a fault that earlier versions did not find.
type newer struct{ error }

func (n newer) Unwrap() error { return n.error }

// Newly makes a Check that earlier versions did not have: it refuses new configurations, while
// those that were accepted before keep the value, with a warning. earlier are the checks that
// already existed.
func Newly(check func(string) error, earlier ...func(string) error) func(string) error {
	return func(value string) error {
		for _, had := range earlier {
			if err := had(value); err != nil {
				return err
			}
		}
		if err := check(value); err != nil {
			return newer{err}
		}
		return nil
	}
}

// takes reports whether a value without surrounding spaces is of the type.
func (t Type) takes(value string) bool {
	var err error
	switch t {
	case Boolean:
		return strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
	case Int:
		_, err = strconv.ParseInt(value, 10, 32)
	case Long:
		_, err = strconv.ParseInt(value, 10, 64)
	case Double:
		_, err = strconv.ParseFloat(value, 64)
	}
	return err == nil
}

// wrongType is the message about a value that is not of a type.
func (d Dialect) wrongType(t Type) string {
	switch {
	case d == Field && t == Boolean:
		return "Either 'true' or 'false' is expected"
	case d == Field && t == Int:
		return "An integer is expected"
	case d == Field:
		return "A " + strings.ToLower(string(t)) + " value is expected"
	case t == Boolean:
		return "Expected value to be either true or false"
	}
	return "Not a number of type " + string(t)
}

// notAllowed is the message about a value that is not among those allowed.
func (k Key) notAllowed() string {
	allowed := strings.Join(k.Allowed, ", ")
	switch {
	case k.Dialect == Field:
		return "Value must be one of " + allowed
	case k.Cased:
		return "String must be one of: " + allowed
	}
	return "String must be one of (case insensitive): " + allowed
}

func (c *Catalogue) unknown(name string) string {
	shown := abbreviate(name)
	if nearest := spelling.Nearest(name, c.spellings); nearest != "" {
		key, _ := c.Lookup(nearest)
		return fmt.Sprintf("%s is not a known configuration key and has no effect; did you mean %s?", shown, key.Name)
	}
	return fmt.Sprintf("%s is not a known configuration key and has no effect.", shown)
}

// hasMember reports whether a name of a family is one that is read.
func (k Key) hasMember(name string) bool {
	prefix, family := strings.CutSuffix(k.Name, "*")
	return !family || slices.Contains(k.Members.Names, strings.TrimPrefix(name, prefix))
}

// unread is the message about a name of a closed family that nothing reads.
func (c *Catalogue) unread(family Key, name string) string {
	prefix := strings.TrimSuffix(family.Name, "*")
	said := fmt.Sprintf("%s has no effect: no such setting is read.", abbreviate(name))
	if nearest := spelling.Nearest(strings.TrimPrefix(name, prefix), func(yield func(string) bool) {
		for _, member := range family.Members.Names {
			if !yield(member) {
				return
			}
		}
		for spelt := range c.spellings {
			if member, ok := strings.CutPrefix(spelt, prefix); ok && !yield(member) {
				return
			}
		}
	}); nearest != "" {
		said = fmt.Sprintf("%s Did you mean %s?", said, prefix+nearest)
	}
	return said
}

// slip returns the member of a family for which a name is probably a typing error; empty if it is a
// member, or resembles none.
func (k Key) slip(name string) string {
	prefix, family := strings.CutSuffix(k.Name, "*")
	member := strings.TrimPrefix(name, prefix)
	if !family || slices.Contains(k.Members.Names, member) {
		return ""
	}
	if nearest := spelling.Nearest(member, slices.Values(k.Members.Names)); nearest != "" {
		return prefix + nearest
	}
	return ""
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

// longestReason bounds the message of a check in bytes, since it may quote what was given.
const longestReason = 600

// abbreviate keeps hostile input from flooding messages: at most 200 bytes are quoted.
func abbreviate(text string) string { return shortened(text, 200) }

func shortened(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
