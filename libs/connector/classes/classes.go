package classes

import (
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/classname"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
)

// Classes has the connector classes of one fleet, by every name that selects one, and reads their
// configurations.
type Classes struct {
	references secret.References
	list       []connector.Plugin
	byName     map[string]connector.Plugin
}

// New makes the classes of a fleet; references says what configurations may refer to.
func New(list []connector.Plugin, references secret.References) *Classes {
	c := &Classes{references: references, list: slices.Clone(list), byName: map[string]connector.Plugin{}}
	slices.SortFunc(c.list, func(a, b connector.Plugin) int { return strings.Compare(a.Class, b.Class) })
	for _, plugin := range list {
		for _, name := range append([]string{plugin.Class}, plugin.Aliases...) {
			c.byName[name] = plugin
		}
	}
	return c
}

// Named finds a class by its full name, an alias, or, as Kafka Connect does, its simple name with or without
// "Connector".
func (c *Classes) Named(name string) (connector.Plugin, bool) {
	if plugin, ok := c.byName[name]; ok {
		return plugin, true
	}
	var found connector.Plugin
	matches := map[string]bool{}
	for full, plugin := range c.byName {
		if _, ok := classname.Find(name, "Connector", slices.Values([]string{full})); ok {
			found = plugin
			matches[plugin.Class] = true
		}
	}
	return found, len(matches) == 1
}

// Of finds the plugin that a configuration selects.
func (c *Classes) Of(config map[string]string) (connector.Plugin, bool) {
	class := strings.TrimSpace(config["connector.class"])
	if class == "" {
		return connector.Plugin{}, false
	}
	return c.Named(class)
}

// Names are the full names, sorted.
func (c *Classes) Names() []string {
	var names []string
	for _, plugin := range c.list {
		names = append(names, plugin.Class)
	}
	return names
}

// All are the plugins, sorted by class.
func (c *Classes) All() []connector.Plugin { return slices.Clone(c.list) }
