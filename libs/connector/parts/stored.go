package parts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// Outdated is a setting that is refused today and was accepted before.
type Outdated struct {
	catalogue.Problem
	// Meant is what it was taken for; empty for nothing.
	Meant string
}

// Stored are the settings of parts in a configuration that was accepted before which are read as what they meant
// then: lists that name something twice or nothing, the last part of a class within another, as Cast$Value, and
// negate without a predicate.
func Stored(config map[string]string) (all []Outdated) {
	config = maps.Clone(config)
	for _, key := range Lists() {
		items := catalogue.Items(config[key])
		if list := distinct(items); len(list) < len(items) {
			config[key] = strings.Join(list, ",")
			all = append(all, Outdated{catalogue.Problem{Key: key, Outdated: true, Message: fmt.Sprintf(
				"%s names something twice or nothing and is read as %.200s, as before; new configurations with it are refused: change it.", key, config[key])}, config[key]})
		}
	}
	for _, use := range Of(config) {
		if use.Alias == "" {
			continue
		}
		key := use.Prefix + "type"
		if class := strings.TrimSpace(config[key]); !use.Known {
			if full := within(class, use.Kind); full != "" {
				all = append(all, Outdated{catalogue.Problem{Key: key, Outdated: true, Message: fmt.Sprintf(
					"%s: %s is taken as %s, as before; new configurations with it are refused: write the whole name.", key,
					class, full)}, full})
			}
		}
		_, given := config[use.Prefix+"predicate"]
		if key := use.Prefix + "negate"; !given && has(config, key) {
			all = append(all, Outdated{catalogue.Problem{Key: key, Outdated: true, Message: fmt.Sprintf(
				"%s has no effect, since there is no %spredicate; new configurations with it are refused: remove it.", key,
				use.Prefix)}, ""})
		}
	}
	return all
}

// distinct are the items of a list without those that are empty or were there before.
func distinct(items []string) (list []string) {
	for _, item := range items {
		if item != "" && !slices.Contains(list, item) {
			list = append(list, item)
		}
	}
	return list
}

// within is the class within another whose last part this is, if it is that of one alone.
func within(name string, kind catalogue.Kind) (full string) {
	if !strings.Contains(name, "$") || strings.Contains(name, ".") {
		return ""
	}
	for _, p := range all {
		if p.Kind == kind && strings.HasSuffix(p.Class, "."+name) {
			if full != "" {
				return ""
			}
			full = p.Class
		}
	}
	return full
}
