package catalogue

import "strings"

// secretWords mark keys whose value is taken for a secret when no declaration says otherwise. The list is that of the
// Kafka UIs (kafbat's KafkaConfigSanitizer), plus the Kusto sink's key.
var secretWords = [...]string{
	"password", "passwd", "secret", "token", "credential", "passphrase", "appkey", "apikey", "api.key",
	"private.key", "connection.string", "connectionstring", "sasl.jaas.config",
	"user.info", // of schema registries: user:password
}

// LooksSecret reports whether the name of an undeclared key suggests that its value is a secret.
func LooksSecret(name string) bool {
	name = strings.ToLower(name)
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
