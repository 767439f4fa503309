package secret

import (
	"maps"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// mask stands for a literal secret in every answer. Given back in a configuration it means "as it was", so that a tool
// that reads a configuration, changes a key and writes it back does not destroy the secret.
const mask = catalogue.Mask

// Masked is a configuration as callers may see it: every value as it was given, but secrets that are not references,
// and secrets within values.
func Masked(keys *catalogue.Catalogue, config map[string]string) map[string]string {
	shown := make(map[string]string, len(config))
	for key, value := range config {
		switch {
		case !keys.Secret(key):
			value = catalogue.MaskWithin(value)
		case value != "" && !IsReference(value):
			value = mask
		}
		shown[key] = value
	}
	return shown
}

// Unmasked puts the earlier value where the configuration of a secret is the mask. A mask without an earlier value is a
// problem: the secret itself is needed.
func Unmasked(keys *catalogue.Catalogue, config, earlier map[string]string) (full map[string]string,
	problems []catalogue.Problem) {
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
