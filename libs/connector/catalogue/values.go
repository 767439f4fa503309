package catalogue

import (
	"fmt"
	"maps"
	"strings"
)

// Values are the checked settings of one connector. They do not change and may be shared. A
// connector's own variables are filled with them (see Fill); String and List are for callers that
// know nothing of a key but its name. They panic for a key that the catalogue does not declare,
// since that is a mistake of the program.
type Values struct {
	catalogue *Catalogue
	given     map[string]string // canonical name -> resolved value; unknown keys as given
}

// String returns the value, else the default, else an empty text, for keys of every type.
func (v Values) String(name string) string {
	value, _ := v.lookup(name)
	return value
}

// Items splits a list as Kafka's ConfigDef does: blank items count, an empty list has none.
func Items(list string) []string {
	if list = strings.TrimSpace(list); list == "" {
		return nil
	}
	items := strings.Split(list, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}

// List splits a value at its commas and trims the items; empty items are left out.
func (v Values) List(name string) []string {
	value, _ := v.lookup(name)
	return Named(value)
}

// WithPrefix returns what is set under a prefix, such as "transforms.unwrap.", with the prefix cut
// off.
func (v Values) WithPrefix(prefix string) map[string]string {
	under := map[string]string{}
	for name, value := range v.given {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			under[rest] = value
		}
	}
	return under
}

// Without returns the values as if some keys were not set.
func (v Values) Without(keys map[string]bool) Values {
	v.given = maps.Clone(v.given)
	maps.DeleteFunc(v.given, func(key, _ string) bool { return keys[key] })
	return v
}

// Raw returns everything that is set, by present names, with references resolved: it may hold
// secrets.
func (v Values) Raw() map[string]string { return maps.Clone(v.given) }

// GoString keeps secrets out of logs and of %#v; Format does so for every other verb.
func (v Values) GoString() string { return "catalogue.Values{…}" }

// Format implements fmt.Formatter.
func (v Values) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(v.GoString())) }

func (v Values) lookup(name string) (value string, ok bool) {
	if v.catalogue == nil {
		panic("catalogue: Values were not made by Parse")
	}
	key, declared := v.catalogue.Lookup(name)
	if !declared {
		panic(fmt.Sprintf("catalogue: key %s is not declared", name))
	}
	if value, ok := v.given[name]; ok {
		return value, true
	}
	if key.Default != nil {
		return *key.Default, true
	}
	return "", false
}
