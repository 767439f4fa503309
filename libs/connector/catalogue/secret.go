package catalogue

import (
	"regexp"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/spelling"
)

// looksSecret finds a word that suggests a secret in a key's name, however its parts are joined:
// private.key, private_key, privateKey. It extends the list of a Kafka UI (kafbat's
// KafkaConfigSanitizer).
var looksSecret = regexp.MustCompile(`(?i)` + secretWord + `|authorization|cookie|connection[._-]?string|` +
	`jaas[._-]?config|[._-]bearer$|(?:^|[._-])pass(?:$|[._-])`)

// secretWords are words so long that a word which is nearly one of them is hardly a different one.
var secretWords = []string{"password", "passphrase", "credential"}

// SecretInName is the part of a key's name that is a secret, which the names of a few families
// have; "" if there is none.
func (c *Catalogue) SecretInName(name string) string {
	key, ok := c.Lookup(name)
	if !ok || key.Members.Secret == nil {
		return ""
	}
	found := key.Members.Secret.FindStringSubmatch(strings.TrimPrefix(name, strings.TrimSuffix(key.Name, "*")))
	if found == nil {
		return ""
	}
	return found[len(found)-1]
}

// ShownName is a key's name as callers may see it: a secret at its end is masked.
func (c *Catalogue) ShownName(name string) string {
	if secret := c.SecretInName(name); secret != "" {
		return strings.TrimSuffix(name, secret) + Mask
	}
	return name
}

// LooksSecret reports whether the name of an undeclared key suggests that its value is a secret,
// even if it is misspelt.
func LooksSecret(name string) bool {
	if looksSecret.MatchString(name) {
		return true
	}
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("._- ", r) }) {
		if spelling.Nearest(word, slices.Values(secretWords)) != "" {
			return true
		}
	}
	// This name has more than one word, so that it is compared as a whole.
	jaas := name[max(0, strings.LastIndex(strings.ToLower(name), "sasl.")):]
	return spelling.Nearest(jaas, slices.Values([]string{"sasl.jaas.config"})) != ""
}
