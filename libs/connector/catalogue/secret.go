package catalogue

import (
	"regexp"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/spelling"
)

// looksSecret finds a word of secrets in a key's name, however its parts are joined: private.key, private_key,
// privateKey. It starts from the list of the Kafka UIs (kafbat's KafkaConfigSanitizer).
var looksSecret = regexp.MustCompile(`(?i)` + secretWord + `|authorization|cookie|connection[._-]?string|` +
	`jaas[._-]?config|[._-]bearer$|(?:^|[._-])pass(?:$|[._-])`)

// secretWords are long enough that a word that is nearly one of them is hardly another one.
var secretWords = []string{"password", "passphrase", "credential"}

// LooksSecret reports whether the name of an undeclared key suggests that its value is a secret, slips included.
func LooksSecret(name string) bool {
	if looksSecret.MatchString(name) {
		return true
	}
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("._- ", r) }) {
		if spelling.Nearest(word, slices.Values(secretWords)) != "" {
			return true
		}
	}
	// Of more than one word, so that a slip in one of them counts.
	jaas := name[max(0, strings.LastIndex(strings.ToLower(name), "sasl.")):]
	return spelling.Nearest(jaas, slices.Values([]string{"sasl.jaas.config"})) != ""
}
