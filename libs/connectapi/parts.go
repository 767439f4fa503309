package connectapi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/parts"
)

// classes are the parts of a kind, for forms to choose from.
func classes(kind parts.Kind) []string {
	var all []string
	for _, p := range parts.All() {
		if p.Kind == kind {
			all = append(all, p.Class)
		}
	}
	return all
}

// keysOf are the definitions of a part's keys.
func keysOf(p parts.Part) []configKey {
	keys := []configKey{}
	for _, k := range p.Keys {
		if k.Hidden {
			continue
		}
		key := configKey{Name: k.Name, Type: string(k.Type), Required: k.Required, DefaultValue: k.Default,
			Importance: string(k.Importance), Documentation: k.Doc,
			OrderInGroup: k.Place, Order: k.Place, Width: string(k.Width), DisplayName: k.DisplayName,
			Dependents: append([]string{}, k.Dependents...)}
		if k.Type == catalogue.Password && k.Default != nil {
			hidden := "[hidden]"
			key.DefaultValue = &hidden
		}
		if k.Group != "" {
			key.Group = &k.Group
		}
		keys = append(keys, key)
	}
	return keys
}

// stepInfos are the definitions of the transformations and predicates that a configuration lists,
// which Kafka Connect shows in a group for each.
func stepInfos(config map[string]string) []configInfo {
	var infos []configInfo
	for _, use := range parts.Of(config) {
		title := "Transforms"
		switch use.Kind {
		case parts.Predicate:
			title = "Predicates"
		case parts.Converter, parts.HeaderConverter:
			continue
		}
		kind := string(use.Kind)
		group := title + ": " + use.Alias
		keys := []configKey{{Name: "type", Type: "CLASS", Required: true, Importance: "HIGH",
			Documentation: fmt.Sprintf("Class for the '%s' %s.", use.Alias, kind), Width: "LONG",
			DisplayName: fmt.Sprintf("%s type for %s", strings.ToUpper(kind[:1])+kind[1:], use.Alias)}}
		keys = append(keys, keysOf(use.Part)...)
		if use.Kind == parts.Transformation {
			no := "false"
			keys = append(keys,
				configKey{Name: "negate", Type: "BOOLEAN", DefaultValue: &no, Importance: "MEDIUM",
					Documentation: "Whether the configured predicate should be negated.", Width: "NONE", DisplayName: "negate"},
				configKey{Name: "predicate", Type: "STRING", Importance: "MEDIUM",
					Documentation: "The alias of a predicate used to determine whether to apply this transformation.", Width: "NONE",
					DisplayName: "predicate"})
		}
		for i, key := range keys {
			key.Group, key.OrderInGroup, key.Order = &group, int32(i), int32(i)
			info := infoOfKey(use.Prefix, key, config)
			if key.Name == "type" {
				info.Value.RecommendedValues = classes(use.Kind)
			}
			infos = append(infos, info)
		}
	}
	return infos
}

// converterInfos are the definitions of the converters that a configuration names.
func converterInfos(config map[string]string) []configInfo {
	var infos []configInfo
	for _, use := range parts.Of(config) {
		if use.Kind != parts.Converter && use.Kind != parts.HeaderConverter {
			continue
		}
		for _, key := range keysOf(use.Part) {
			info := infoOfKey(use.Prefix, key, config)
			if key.Name == "converter.type" && info.Value.Value == nil {
				of := strings.TrimSuffix(use.Prefix, ".converter.")
				info.Value.Value = &of
			}
			infos = append(infos, info)
		}
	}
	return infos
}

// infoOfKey is the definition of a part's key under the prefix that a configuration gives it, with its value.
func infoOfKey(prefix string, key configKey, config map[string]string) configInfo {
	key.Name = prefix + key.Name
	key.Dependents = append([]string{}, key.Dependents...)
	value := configValue{Name: key.Name, Value: key.DefaultValue, RecommendedValues: []string{},
		Errors: []string{}, Visible: true}
	if given, ok := config[key.Name]; ok {
		value.Value = &given
	}
	return configInfo{key, value}
}

// withParts adds to a validation which converters there are to choose from, and the keys of those
// parts that are chosen: transformations and predicates after the framework's keys, converters at
// the end, as Kafka Connect has them. What was found wrong with a key stays.
func withParts(infos []configInfo, config map[string]string) []configInfo {
	framework := []string{"Common", "Transforms", "Predicates", "Error Handling", "Topic Creation", "Exactly Once Support",
		"offsets.topic"}
	steps, converters := stepInfos(config), converterInfos(config)
	for _, added := range [][]configInfo{steps, converters} {
		for i := range added {
			infos = slices.DeleteFunc(infos, func(info configInfo) bool {
				if info.Definition.Name != added[i].Definition.Name {
					return false
				}
				added[i].Value.Errors = info.Value.Errors
				if added[i].Value.Value != nil && info.Value.Value != nil {
					added[i].Value.Value = info.Value.Value // without secrets
				}
				return true
			})
		}
	}
	end := 0
	for i, info := range infos {
		switch info.Definition.Name {
		case "key.converter", "value.converter":
			infos[i].Value.RecommendedValues = classes(parts.Converter)
		case "header.converter":
			infos[i].Value.RecommendedValues = classes(parts.HeaderConverter)
		}
		if group := info.Definition.Group; group != nil && slices.Contains(framework, *group) {
			end = i + 1
		}
	}
	return slices.Concat(infos[:end], steps, infos[end:], converters)
}
