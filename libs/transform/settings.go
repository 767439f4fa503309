package transform

import (
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
)

// configured is a transform or predicate: its keys declare its settings and the fields that they
// fill. If it is also a finisher, it then works out what follows from several of them together.
type configured interface {
	keys() []catalogue.Key
}

type finisher interface {
	finish(catalogue.Settings) error
}

// configure fills a transform or predicate from the settings under a prefix, such as
// "transforms.unwrap.".
func configure(c configured, prefix string, given map[string]string) error {
	s, err := catalogue.FillPart(prefix, c.keys(), given)
	if err != nil {
		return err
	}
	if f, more := c.(finisher); more {
		return f.finish(s)
	}
	return nil
}

// passed marks keys as Debezium's, which reads them as Kafka Connect was given them.
func passed(keys []catalogue.Key) []catalogue.Key {
	for i := range keys {
		keys[i].Dialect = catalogue.Passed
	}
	return keys
}

// whether returns a target that accepts the words among, which are shown in this order, and sets
// into to true for is.
func whether(into *bool, is string, among ...string) catalogue.Target {
	words := make([]catalogue.Word[bool], len(among))
	for i, word := range among {
		words[i] = catalogue.Word[bool]{Text: word, Means: word == is}
	}
	return catalogue.OneOf(into, words...)
}

// nullsToDefaults declares replace.null.with.default.
func nullsToDefaults(into *bool) catalogue.Key {
	return catalogue.Key{Name: "replace.null.with.default", Type: catalogue.Boolean, Default: catalogue.Default("true"),
		Importance: catalogue.Medium, Into: catalogue.Flag(into),
		Doc: "Replaces null by the default of its field, if it has one."}
}

// checkPattern checks a regular expression that must match whole names.
func checkPattern(text string) error {
	if text == "" {
		return catalogue.NotEmpty(text)
	}
	if _, err := javaregex.Compile(text); err != nil {
		return catalogue.Fault("Invalid regex: " + err.Error())
	}
	return nil
}

// checkAnyPattern is checkPattern for a text that may be empty.
func checkAnyPattern(text string) error {
	if text == "" {
		return nil
	}
	return checkPattern(text)
}

// anyPattern compiles a regular expression; it returns nil for an empty text.
func anyPattern(text string) (*javaregex.Pattern, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	return javaregex.Compile(text)
}

// setOf parses a list of names into a set.
func setOf(list string) (map[string]bool, error) {
	set := map[string]bool{}
	for _, name := range catalogue.Named(list) {
		set[name] = true
	}
	return set, nil
}

// some parses a list of at least one name.
func some(list string) ([]string, error) {
	names := catalogue.Named(list)
	if len(names) == 0 {
		return nil, catalogue.Fault("Empty list")
	}
	return names, nil
}

// setOfSome is setOf for a list of at least one name.
func setOfSome(list string) (map[string]bool, error) {
	if _, err := some(list); err != nil {
		return nil, err
	}
	return setOf(list)
}
