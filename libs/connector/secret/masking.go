package secret

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// mask stands for a literal secret in every answer. Given back in a configuration it means "as it was", so that a tool
// that reads a configuration, changes a key and writes it back does not destroy the secret.
const mask = catalogue.Mask

// Masked is a configuration as callers may see it: every value as it was given, with masks in place
// of literal secrets, also of those within values and within the names of keys.
func Masked(keys *catalogue.Catalogue, config map[string]string) map[string]string {
	shown := make(map[string]string, len(config))
	names := ShownNames(keys, config)
	for key, value := range config {
		switch {
		case !keys.Secret(key):
			value = catalogue.MaskWithin(value)
		case value != "" && !IsReference(value):
			value = mask
		}
		shown[names[key]] = value
	}
	return shown
}

// ShownNames maps the names of a configuration's keys to what callers may see of them. Names that
// differ only in a secret are numbered: …salt.********, …salt.********-2.
func ShownNames(keys *catalogue.Catalogue, config map[string]string) map[string]string {
	shown := make(map[string]string, len(config))
	count := map[string]int{}
	for _, key := range slices.Sorted(maps.Keys(config)) {
		name := keys.ShownName(key)
		if count[name]++; count[name] > 1 {
			name += fmt.Sprintf("-%d", count[name])
		}
		shown[key] = name
	}
	return shown
}

// MeantNames maps what callers see of the names of a configuration's keys to the names.
func MeantNames(keys *catalogue.Catalogue, config map[string]string) map[string]string {
	meant := make(map[string]string, len(config))
	for key, shown := range ShownNames(keys, config) {
		meant[shown] = key
	}
	return meant
}

// Unmasked replaces masks by the earlier values of their keys. A mask without an earlier value is a
// problem, since the secret itself is needed.
func Unmasked(keys *catalogue.Catalogue, config, earlier map[string]string) (full map[string]string,
	problems []catalogue.Problem) {
	config, problems = unmaskedNames(keys, config, earlier)
	full = maps.Clone(config)
	for _, key := range slices.Sorted(maps.Keys(config)) {
		value, ok := earlier[key]
		switch {
		case keys.Secret(key) && strings.TrimSpace(config[key]) == mask:
		case !keys.Secret(key) && slices.Contains(catalogue.SecretsWithin(config[key]), mask):
			ok = ok && catalogue.MaskWithin(value) == config[key]
		default:
			continue
		}
		if !ok {
			problems = append(problems, catalogue.Problem{Key: key,
				Message: "Invalid value " + mask + " for configuration " + key +
					": this is the mask shown in place of a secret, and there is no earlier value to keep; give the secret or a reference such as ${file:/path:key}"})
			continue
		}
		full[key] = value
	}
	return full, problems
}

// unmaskedNames replaces names of keys that have a mask by the earlier names.
func unmaskedNames(keys *catalogue.Catalogue, config, earlier map[string]string) (named map[string]string,
	problems []catalogue.Problem) {
	meant := MeantNames(keys, earlier)
	named = maps.Clone(config)
	for _, key := range slices.Sorted(maps.Keys(config)) {
		if !strings.HasPrefix(keys.SecretInName(key), mask) {
			continue
		}
		name, ok := meant[key]
		if !ok {
			problems = append(problems, catalogue.Problem{Key: key, Message: "Invalid configuration " + key +
				": its name has the mask shown in place of a secret, and there is no earlier key of that name; give the secret"})
			continue
		}
		delete(named, key)
		named[name] = config[key]
	}
	return named, problems
}
