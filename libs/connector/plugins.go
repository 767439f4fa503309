package connector

import (
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/classname"
)

// plugins are the classes of one fleet, by every name that selects one.
type plugins struct {
	list   []Plugin
	byName map[string]Plugin
}

func newPlugins(list []Plugin) plugins {
	p := plugins{list: slices.Clone(list), byName: map[string]Plugin{}}
	slices.SortFunc(p.list, func(a, b Plugin) int { return strings.Compare(a.Class, b.Class) })
	for _, plugin := range list {
		for _, name := range append([]string{plugin.Class}, plugin.Aliases...) {
			p.byName[name] = plugin
		}
	}
	return p
}

// named finds a class by its full name, an alias, or, as Kafka Connect does, its simple name with or without
// "Connector".
func (p plugins) named(name string) (Plugin, bool) {
	if plugin, ok := p.byName[name]; ok {
		return plugin, true
	}
	var found Plugin
	matches := map[string]bool{}
	for full, plugin := range p.byName {
		if _, ok := classname.Find(name, "Connector", slices.Values([]string{full})); ok {
			found = plugin
			matches[plugin.Class] = true
		}
	}
	return found, len(matches) == 1
}

// of is the plugin that a configuration selects.
func (p plugins) of(config map[string]string) (Plugin, bool) {
	class := strings.TrimSpace(config["connector.class"])
	if class == "" {
		return Plugin{}, false
	}
	return p.named(class)
}

// classes are the full names, sorted.
func (p plugins) classes() []string {
	var classes []string
	for _, plugin := range p.list {
		classes = append(classes, plugin.Class)
	}
	return classes
}
