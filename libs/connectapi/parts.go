package connectapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/classname"
)

// partsFile lists the transformations, predicates and converters that connectors run, with their keys: those of Kafka Connect 4.3.1,
// Debezium 3.6.3 and Confluent, described in our words, without keys that have no effect here.
//
//go:embed parts.json
var partsFile []byte

// maxSteps is how many transformations, and how many predicates, a validation shows the keys of.
const maxSteps = 100

// part is a plugin that is a part of a connector.
type part struct {
	PluginInfo
	Config []configKey `json:"config"`
}

func readParts() []part {
	var parts []part
	if err := json.Unmarshal(partsFile, &parts); err != nil {
		panic(fmt.Sprintf("connectapi: parts.json, which is built in, cannot be read: %v", err))
	}
	for _, p := range parts {
		for i := range p.Config {
			p.Config[i].Order = p.Config[i].OrderInGroup
		}
	}
	return parts
}

// part finds a part by its class or the class's last part.
func (h *Handler) part(name string) (part, bool) {
	full, ok := classname.Find(name, "Converter", func(yield func(string) bool) {
		for _, p := range h.parts {
			if !yield(p.Class) {
				return
			}
		}
	})
	if !ok {
		return part{}, false
	}
	return h.parts[slices.IndexFunc(h.parts, func(p part) bool { return p.Class == full })], true
}

// classes are the parts of a type, for forms to choose from.
func (h *Handler) classes(kind string) []string {
	var all []string
	for _, p := range h.parts {
		if p.Type == kind {
			all = append(all, p.Class)
		}
	}
	return all
}

// stepInfos are the definitions of the transformations and predicates that a configuration lists, which Kafka Connect shows in a
// group for each.
func (h *Handler) stepInfos(config map[string]string) []configInfo {
	var infos []configInfo
	for _, list := range []struct{ key, kind, title string }{{"transforms", "transformation", "Transforms"}, {"predicates", "predicate", "Predicates"}} {
		shown := 0
		for alias := range strings.SplitSeq(config[list.key], ",") {
			if alias = strings.TrimSpace(alias); alias == "" || shown == maxSteps {
				continue
			}
			shown++
			prefix, group := list.key+"."+alias+".", list.title+": "+alias
			singular := strings.ToUpper(list.kind[:1]) + list.kind[1:]
			keys := []configKey{{Name: "type", Type: "CLASS", Required: true, Importance: "HIGH", Documentation: fmt.Sprintf("Class for the '%s' %s.", alias, list.kind), Width: "LONG",
				DisplayName: fmt.Sprintf("%s type for %s", singular, alias)}}
			step, _ := h.part(strings.TrimSpace(config[prefix+"type"]))
			keys = append(keys, step.Config...)
			if list.kind == "transformation" {
				no := "false"
				keys = append(keys,
					configKey{Name: "negate", Type: "BOOLEAN", DefaultValue: &no, Importance: "MEDIUM", Documentation: "Whether the configured predicate should be negated.", Width: "NONE", DisplayName: "negate"},
					configKey{Name: "predicate", Type: "STRING", Importance: "MEDIUM", Documentation: "The alias of a predicate used to determine whether to apply this transformation.", Width: "NONE", DisplayName: "predicate"})
			}
			for i, key := range keys {
				key.Group, key.OrderInGroup, key.Order = &group, int32(i), int32(i)
				info := infoOfKey(prefix, key, config)
				if key.Name == "type" {
					info.Value.RecommendedValues = h.classes(list.kind)
				}
				infos = append(infos, info)
			}
		}
	}
	return infos
}

// converterInfos are the definitions of the converters that a configuration names.
func (h *Handler) converterInfos(config map[string]string) []configInfo {
	var infos []configInfo
	for _, use := range []string{"header", "key", "value"} {
		name := strings.TrimSpace(config[use+".converter"])
		converter, known := h.part(name)
		if name == "" || !known {
			continue
		}
		for _, key := range converter.Config {
			info := infoOfKey(use+".converter.", key, config)
			if key.Name == "converter.type" && info.Value.Value == nil {
				info.Value.Value = &use
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
	value := configValue{Name: key.Name, Value: key.DefaultValue, RecommendedValues: []string{}, Errors: []string{}, Visible: true}
	if given, ok := config[key.Name]; ok {
		value.Value = &given
	}
	return configInfo{key, value}
}

// withParts adds to a validation which converters there are to choose from, and the keys of those parts that are chosen:
// transformations and predicates after the framework's keys, converters at the end, as Kafka Connect has them. What was found wrong
// with a key stays.
func (h *Handler) withParts(infos []configInfo, config map[string]string) []configInfo {
	framework := []string{"Common", "Transforms", "Predicates", "Error Handling", "Topic Creation", "Exactly Once Support", "offsets.topic"}
	steps, converters := h.stepInfos(config), h.converterInfos(config)
	for _, added := range [][]configInfo{steps, converters} {
		for i := range added {
			infos = slices.DeleteFunc(infos, func(info configInfo) bool {
				if info.Definition.Name != added[i].Definition.Name {
					return false
				}
				added[i].Value.Errors = info.Value.Errors
				return true
			})
		}
	}
	end := 0
	for i, info := range infos {
		switch info.Definition.Name {
		case "key.converter", "value.converter":
			infos[i].Value.RecommendedValues = h.classes("converter")
		case "header.converter":
			infos[i].Value.RecommendedValues = h.classes("header_converter")
		}
		if group := info.Definition.Group; group != nil && slices.Contains(framework, *group) {
			end = i + 1
		}
	}
	return slices.Concat(infos[:end], steps, infos[end:], converters)
}
