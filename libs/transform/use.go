package transform

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// use holds the settings that every transform has.
type use struct {
	class     string
	negate    bool
	predicate string
}

// conditionUse holds the settings that every predicate has.
type conditionUse struct{ class string }

// UseKeys declares the settings that every transform or predicate has, without prefix, for one that
// a configuration calls alias: its class, which forms show first, and the others, which they show
// after the transform's own settings.
func UseKeys(kind catalogue.Kind, alias string) (class catalogue.Key, others []catalogue.Key) {
	var keys []catalogue.Key
	if kind == catalogue.Predicate {
		keys = new(conditionUse).keys()
	} else {
		keys = new(use).keys()
	}
	title := strings.ToUpper(string(kind[:1])) + string(kind[1:])
	keys[0].Doc = fmt.Sprintf("Class for the '%s' %s.", alias, kind)
	keys[0].DisplayName = fmt.Sprintf("%s type for %s", title, alias)
	return keys[0], keys[1:]
}

func (u *use) keys() []catalogue.Key {
	return []catalogue.Key{
		typeKey(&u.class, Class),
		{Name: "negate", Type: catalogue.Boolean, Default: catalogue.Default("false"), Importance: catalogue.Medium,
			Dialect: catalogue.Passed, Into: catalogue.Read(&u.negate, parseNegate),
			Doc: "Whether the configured predicate should be negated."},
		{Name: "predicate", Type: catalogue.String, Importance: catalogue.Medium, Into: catalogue.Text(&u.predicate),
			Doc: "The alias of a predicate used to determine whether to apply this transformation."},
		versionKey(),
	}
}

func (u *conditionUse) keys() []catalogue.Key {
	return []catalogue.Key{typeKey(&u.class, PredicateClass), versionKey()}
}

// typeKey declares the key type, which names a class in full or by its short name.
func typeKey(into *string, named func(string) (string, error)) catalogue.Key {
	return catalogue.Key{Name: "type", Type: catalogue.Class, Required: true,
		Check:      func(text string) error { _, err := named(text); return err },
		Importance: catalogue.High, Width: catalogue.Wide, Into: catalogue.Read(into, named)}
}

func versionKey() catalogue.Key {
	return catalogue.Key{Name: "plugin.version", Type: catalogue.String, Importance: catalogue.Low, Hidden: true,
		Unsupported: "There is only the built-in version."}
}

// parseNegate does not trim the text, like Kafka Connect's runtime (Boolean.parseBoolean): " true"
// is false.
func parseNegate(text string) (bool, error) { return strings.EqualFold(text, "true"), nil }
