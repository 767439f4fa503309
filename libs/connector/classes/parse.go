package classes

import (
	"maps"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/parts"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
)

// parse checks a configuration against its keys, which are those of the class and of the parts that
// it names. What it has in common with earlier, a configuration that was accepted before, is read as
// it was then; see catalogue.ParseChanged.
func parse(p connector.Plugin, given, resolved, earlier map[string]string) (keys *catalogue.Catalogue,
	values catalogue.Values, warnings, problems []catalogue.Problem) {
	accepted := func(name string) bool {
		value, had := earlier[name]
		return had && value == given[name]
	}
	plain, was := plainLists(given, resolved), maps.Clone(earlier)
	for key := range was {
		if value, known := plain[key]; known && accepted(key) {
			was[key] = value
		}
	}
	had := map[string]bool{}
	for _, setting := range parts.Stored(was) {
		had[setting.Key] = accepted(setting.Key)
	}
	of, meant := maps.Clone(given), maps.Clone(resolved)
	var outdated []catalogue.Problem
	for _, setting := range parts.Stored(plain) {
		if !had[setting.Key] {
			continue
		}
		outdated = append(outdated, setting.Problem)
		for _, config := range []map[string]string{of, meant, plain} {
			if delete(config, setting.Key); setting.Meant != "" {
				config[setting.Key] = setting.Meant
			}
		}
	}
	keys = parts.In(p.Catalogue, plain)
	values, warnings, problems = keys.ParseChanged(of, meant, accepted)
	return keys, values, append(outdated, warnings...), append(problems, parts.Faults(plain)...)
}

// parseStored is parse for a configuration that was accepted before.
func parseStored(p connector.Plugin, given, resolved map[string]string) (values catalogue.Values, warnings,
	problems []catalogue.Problem) {
	_, values, warnings, problems = parse(p, given, resolved, given)
	return values, warnings, problems
}

// storedWarnings are those of parseStored where references are not resolved.
func storedWarnings(p connector.Plugin, given map[string]string) []catalogue.Problem {
	plain := maps.Clone(given)
	for _, list := range parts.Lists() {
		if secret.Refers(given[list]) {
			delete(plain, list)
		}
	}
	var outdated []catalogue.Problem
	for _, setting := range parts.Stored(plain) {
		outdated = append(outdated, setting.Problem)
		if delete(plain, setting.Key); setting.Meant != "" {
			plain[setting.Key] = setting.Meant
		}
	}
	return append(outdated, parts.In(p.Catalogue, plain).StoredWarnings(plain, secret.Refers)...)
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
