package connector

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// mask stands for a literal secret in every answer. Given back in a configuration it means "as it was", so that a tool
// that reads a configuration, changes a key and writes it back does not destroy the secret.
const mask = "********"

// urlPassword finds the password in a URL of any kind: postgres://user:password@host, http://user:password@registry.
var urlPassword = regexp.MustCompile(`(://[^\s/:@]*:)([^\s/]+)@`)

// maskURLs hides the passwords of the URLs in a value, but those that are references.
func maskURLs(value string) string {
	return urlPassword.ReplaceAllStringFunc(value, func(found string) string {
		parts := urlPassword.FindStringSubmatch(found)
		if isReference(parts[2]) {
			return found
		}
		return parts[1] + mask + "@"
	})
}

// urlPasswords are the passwords of the URLs in a value, as they stand there and as they are sent.
func urlPasswords(value string) (passwords []string) {
	for _, parts := range urlPassword.FindAllStringSubmatch(value, -1) {
		passwords = append(passwords, parts[2])
		if plain, err := url.PathUnescape(parts[2]); err == nil && plain != parts[2] {
			passwords = append(passwords, plain)
		}
	}
	return passwords
}

// masked is a configuration as callers may see it: every value as it was given, but secrets that are not references, and passwords
// within URLs.
func masked(keys *catalogue.Catalogue, config map[string]string) map[string]string {
	shown := make(map[string]string, len(config))
	for key, value := range config {
		switch {
		case !keys.Secret(key):
			value = maskURLs(value)
		case value != "" && !isReference(value):
			value = mask
		}
		shown[key] = value
	}
	return shown
}

// unmasked puts the earlier value where the configuration of a secret is the mask. A mask without an earlier value is a
// problem: the secret itself is needed.
func unmasked(keys *catalogue.Catalogue, config, earlier map[string]string) (full map[string]string, problems []catalogue.Problem) {
	full = maps.Clone(config)
	for _, key := range slices.Sorted(maps.Keys(config)) {
		value, ok := earlier[key]
		switch {
		case keys.Secret(key) && strings.TrimSpace(config[key]) == mask:
		case !keys.Secret(key) && slices.Contains(urlPasswords(config[key]), mask):
			ok = ok && maskURLs(value) == config[key]
		default:
			continue
		}
		if !ok {
			problems = append(problems, catalogue.Problem{Key: key,
				Message: "Invalid value " + mask + " for configuration " + key + ": this is the mask shown in place of a secret, and there is no earlier value to keep; give the secret or a reference such as ${file:/path:key}"})
			continue
		}
		full[key] = value
	}
	return full, problems
}
