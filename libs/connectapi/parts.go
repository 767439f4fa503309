package connectapi

import (
	"cmp"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/parts"
	"github.com/calypso-cdc/calypso/libs/converter"
)

// classes returns the classes of a kind of part, for forms to choose from.
func classes(kind catalogue.Kind) []string {
	var all []string
	for _, p := range parts.All() {
		if p.Kind == kind && !p.Hidden {
			all = append(all, p.Class)
		}
	}
	return all
}

// definitionsOf returns the definitions of a part's keys.
func definitionsOf(keys []catalogue.Key) []configKey {
	definitions := []configKey{}
	inGroup := map[string]int{}
	for _, k := range keys {
		if k.Hidden {
			continue
		}
		place := int32(k.Order)
		switch {
		case k.Group == "" && place == 0:
			place = -1
		case place == 0:
			place = int32(inGroup[k.Group])
		}
		inGroup[k.Group]++
		key := configKey{Name: k.Name, Type: string(k.Type), Required: k.Required, DefaultValue: k.Default,
			Importance: string(k.Importance), Documentation: k.Doc, OrderInGroup: place, Order: place,
			Width: cmp.Or(string(k.Width), "NONE"), DisplayName: cmp.Or(k.DisplayName, k.Name),
			Dependents: append([]string{}, k.Dependents...)}
		if k.Type == catalogue.Password && k.Default != nil {
			hidden := "[hidden]"
			key.DefaultValue = &hidden
		}
		if k.Group != "" {
			key.Group = &k.Group
		}
		definitions = append(definitions, key)
	}
	return definitions
}

// stepInfos returns the definitions of the transformations and predicates that a configuration
// lists; Kafka Connect shows each in a group of its own.
func stepInfos(config map[string]string) []configInfo {
	var infos []configInfo
	for _, use := range parts.Of(config) {
		title := "Transforms"
		switch use.Kind {
		case catalogue.Predicate:
			title = "Predicates"
		case catalogue.Converter, catalogue.HeaderConverter:
			continue
		}
		group := title + ": " + use.Alias
		for i, key := range definitionsOf(use.Shown()) {
			key.Group, key.OrderInGroup, key.Order = &group, int32(i), int32(i)
			info := infoOfKey(use.Prefix, key, config)
			if key.Type == string(catalogue.Class) {
				info.Value.RecommendedValues = classes(use.Kind)
			}
			infos = append(infos, info)
		}
	}
	return infos
}

// converterInfos returns the definitions of the converters that a configuration names.
func converterInfos(config map[string]string) []configInfo {
	var infos []configInfo
	for _, use := range parts.Of(config) {
		if use.Kind != catalogue.Converter && use.Kind != catalogue.HeaderConverter {
			continue
		}
		for _, key := range definitionsOf(use.Keys) {
			info := infoOfKey(use.Prefix, key, config)
			if key.Name == converter.TypeKey && info.Value.Value == nil {
				of := strings.TrimSuffix(use.Prefix, ".converter.")
				info.Value.Value = &of
			}
			infos = append(infos, info)
		}
	}
	return infos
}

// infoOfKey returns the definition of a part's key, under the prefix that the configuration gives
// the part, with its value.
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

// withParts adds to a validation the converters to choose from, and the keys of the chosen parts:
// transformations and predicates after the framework's keys, converters at the end, as in Kafka
// Connect. Errors of keys are kept.
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
		case catalogue.KeyConverterKey, catalogue.ValueConverterKey:
			infos[i].Value.RecommendedValues = classes(catalogue.Converter)
		case catalogue.HeaderConverterKey:
			infos[i].Value.RecommendedValues = classes(catalogue.HeaderConverter)
		}
		if group := info.Definition.Group; group != nil && slices.Contains(framework, *group) {
			end = i + 1
		}
	}
	return slices.Concat(infos[:end], steps, infos[end:], converters)
}
