package catalogue

import "regexp"

// looksSecret finds a word of secrets in a key's name, however its parts are joined: private.key, private_key,
// privateKey. It starts from the list of the Kafka UIs (kafbat's KafkaConfigSanitizer).
var looksSecret = regexp.MustCompile(`(?i)` + secretWord + `|authorization|connection[._-]?string|sasl\.jaas\.config`)

// LooksSecret reports whether the name of an undeclared key suggests that its value is a secret.
func LooksSecret(name string) bool {
	return looksSecret.MatchString(name)
}
