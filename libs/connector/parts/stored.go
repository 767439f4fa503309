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
	// Meant is the value that it used to mean; empty if it was ignored.
	Meant string
}

// Stored returns the settings of parts that new configurations may not have, but that are read as
// what they used to mean in a configuration that was accepted before: lists with repeated or empty
// names, an abbreviated name of a nested class such as Cast$Value, and negate without a predicate.
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

// distinct returns the items of a list without empty and repeated ones.
func distinct(items []string) (list []string) {
	for _, item := range items {
		if item != "" && !slices.Contains(list, item) {
			list = append(list, item)
		}
	}
	return list
}

// within finds the nested class whose abbreviated name this is; empty if there is none, or several.
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
