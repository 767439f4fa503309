package catalogue

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Values are the checked settings of one connector. They do not change and may be shared. Reading a key that the
// catalogue does not declare, or as another type than declared, is a mistake of the program and panics.
type Values struct {
	catalogue *Catalogue
	given     map[string]string // canonical name -> resolved value; unknown keys as given
}

// Has reports whether the configuration sets the key itself, by whatever spelling.
func (v Values) Has(name string) bool {
	_, ok := v.given[name]
	return ok
}

// String is the value, else the default, else empty. It reads keys of every type.
func (v Values) String(name string) string {
	value, _ := v.lookup(name)
	return value
}

// Bool is false if the key is neither set nor has a default.
func (v Values) Bool(name string) bool {
	value, ok := v.lookup(name, Boolean)
	return ok && strings.EqualFold(strings.TrimSpace(value), "true")
}

// Int is 0 if the key is neither set nor has a default.
func (v Values) Int(name string) int { return int(v.integer(name)) }

// Int64 is 0 if the key is neither set nor has a default.
func (v Values) Int64(name string) int64 { return v.integer(name) }

// Duration reads a key that counts milliseconds, as all of Kafka Connect's ….ms keys do.
func (v Values) Duration(name string) time.Duration {
	return time.Duration(v.integer(name)) * time.Millisecond
}

func (v Values) integer(name string) int64 {
	value, ok := v.lookup(name, Int, Long)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("catalogue: key %s was read although its check had failed", name))
	}
	return n
}

// Float is 0 if the key is neither set nor has a default.
func (v Values) Float(name string) float64 {
	value, ok := v.lookup(name, Double, Int, Long)
	if !ok {
		return 0
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		panic(fmt.Sprintf("catalogue: key %s was read although its check had failed", name))
	}
	return f
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

// WithPrefix is what is set under a prefix, such as "transforms.unwrap.", with the prefix cut off.
func (v Values) WithPrefix(prefix string) map[string]string {
	under := map[string]string{}
	for name, value := range v.given {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			under[rest] = value
		}
	}
	return under
}

// Raw is everything that is set, by present names, with references resolved: it may hold secrets.
func (v Values) Raw() map[string]string { return maps.Clone(v.given) }

// GoString keeps secrets out of logs and of %#v; Format does so for every other verb.
func (v Values) GoString() string { return "catalogue.Values{…}" }

// Format implements fmt.Formatter.
func (v Values) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(v.GoString())) }

func (v Values) lookup(name string, types ...Type) (value string, ok bool) {
	if v.catalogue == nil {
		panic("catalogue: Values were not made by Parse")
	}
	key, declared := v.catalogue.Lookup(name)
	if !declared {
		panic(fmt.Sprintf("catalogue: key %s is not declared", name))
	}
	if len(types) > 0 {
		matches := false
		for _, t := range types {
			matches = matches || key.Type == t
		}
		if !matches {
			panic(fmt.Sprintf("catalogue: key %s is declared as %s, not as %s", name, key.Type, types[0]))
		}
	}
	if value, ok := v.given[name]; ok {
		return value, true
	}
	if key.Default != nil {
		return *key.Default, true
	}
	return "", false
}
