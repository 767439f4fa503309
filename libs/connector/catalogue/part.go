package catalogue

import (
	"slices"
	"strings"
)

// Kind is Kafka Connect's type of a plugin that is a part of a connector.
type Kind string

const (
	Transformation  Kind = "transformation"
	Predicate       Kind = "predicate"
	Converter       Kind = "converter"
	HeaderConverter Kind = "header_converter"
)

// Part is a class that a connector runs as a part of itself: a transformation, a predicate or a converter.
type Part struct {
	Class   string
	Kind    Kind
	Version string
	// Keys are its settings by their own names, without the prefix that a configuration gives them.
	Keys []Key
	// Hidden parts are accepted but not listed, since the release of Kafka Connect or Debezium that
	// the list is of does not have them.
	Hidden bool
}

// Under returns the keys of a part with the prefix that a configuration gives them, such as
// "transforms.unwrap.". They may be empty: Kafka Connect treats an empty text as a value, and
// leaves it to the checks to refuse it.
func Under(prefix string, keys []Key) []Key {
	keys = slices.Clone(keys)
	for i := range keys {
		keys[i].MayBeEmpty = true
		keys[i].Name = prefix + keys[i].Name
		keys[i].Aliases = slices.Clone(keys[i].Aliases)
		for j := range keys[i].Aliases {
			keys[i].Aliases[j] = prefix + keys[i].Aliases[j]
		}
	}
	return keys
}

// Settings are the settings of a part that were read into the variables of its keys.
type Settings struct {
	keys   []Key
	values Values
}

// FillPart reads the settings of a part, which are given under a prefix, into the variables of its
// keys. Settings that no key declares are ignored. The error is the first Problem.
func FillPart(prefix string, keys []Key, given map[string]string) (Settings, error) {
	keys = Under(prefix, keys)
	all, err := New(keys)
	if err != nil {
		return Settings{}, err
	}
	own := map[string]string{}
	for name, value := range given {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if _, known := all.Lookup(name); known {
			own[name] = value
		}
	}
	values, _, problems := all.Parse(own)
	if len(problems) > 0 {
		return Settings{}, problems[0]
	}
	return Settings{keys, values}, Fill(values, keys)
}

// Name is the name of the key that fills a variable.
func (s Settings) Name(into any) string { return Filling(s.keys, into).Name }

// Refuse returns the Problem of the key that fills a variable, for a value that is wrong in
// combination with others.
func (s Settings) Refuse(into any, said string) error {
	return Filling(s.keys, into).refuse(s.values, said)
}

// Missing returns the Problem of the key that fills a variable, for a value that is required in
// this combination.
func (s Settings) Missing(into any) error {
	key := Filling(s.keys, into)
	return Problem{Key: key.Name, Message: key.missing()}
}
