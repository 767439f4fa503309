package classes

import (
	"maps"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/parts"
)

// parse checks a configuration against its keys, which are those of the class and of the parts that it names; see
// catalogue.ParseResolved.
func parse(p connector.Plugin, given, resolved map[string]string) (keys *catalogue.Catalogue, values catalogue.Values,
	warnings, problems []catalogue.Problem) {
	plain := plainLists(given, resolved)
	keys = parts.In(p.Catalogue, plain)
	values, warnings, problems = keys.ParseResolved(given, resolved)
	return keys, values, warnings, append(problems, parts.Faults(plain)...)
}

// parseStored is parse for a configuration that was accepted before; see catalogue.ParseStored.
func parseStored(p connector.Plugin, given, resolved map[string]string) (values catalogue.Values, warnings,
	problems []catalogue.Problem) {
	plain := plainLists(given, resolved)
	given, resolved = maps.Clone(given), maps.Clone(resolved)
	var outdated []catalogue.Problem
	for _, was := range parts.Stored(plain) {
		outdated = append(outdated, was.Problem)
		for _, config := range []map[string]string{given, resolved, plain} {
			if delete(config, was.Key); was.Meant != "" {
				config[was.Key] = was.Meant
			}
		}
	}
	values, warnings, problems = parts.In(p.Catalogue, plain).ParseStored(given, resolved)
	return values, append(outdated, warnings...), append(problems, parts.Faults(plain)...)
}

// plainLists is a configuration without those lists of parts that contain references, since the
// names of keys would show what is behind them.
func plainLists(given, resolved map[string]string) map[string]string {
	plain := maps.Clone(resolved)
	for _, list := range parts.Lists() {
		if given[list] != resolved[list] {
			delete(plain, list)
		}
	}
	return plain
}
