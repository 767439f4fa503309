package debezium

import (
	"strings"
	"unicode/utf16"
)

// maxTopicName is Kafka's limit for a topic name, in characters.
const maxTopicName = 249

// TableTopic returns the topic of a table's events.
func (c *Config) TableTopic(schema, table string) string {
	parts := make([]string, 0, 3)
	for _, p := range []string{c.Prefix, schema, table} {
		if strings.TrimSpace(p) != "" {
			parts = append(parts, p)
		}
	}
	return SanitizeTopic(strings.Join(parts, c.delimiter()))
}

// TransactionTopicName returns the topic of transaction metadata.
func (c *Config) TransactionTopicName() string {
	return c.Prefix + c.delimiter() + orDefault(c.TransactionTopic, "transaction")
}

// HeartbeatTopicName returns the topic of heartbeats.
func (c *Config) HeartbeatTopicName() string {
	if c.HeartbeatName != "" {
		return c.HeartbeatName
	}
	return orDefault(c.HeartbeatPrefix, "__debezium-heartbeat") + c.delimiter() + c.Prefix
}

// MessageTopicName returns the topic of logical decoding messages. topic.delimiter does not apply
// to it.
func (c *Config) MessageTopicName() string { return c.Prefix + ".message" }

func (c *Config) delimiter() string { return orDefault(c.Delimiter, ".") }

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// SanitizeTopic makes a topic name from any name as Debezium does: characters that Kafka does not
// allow become "_", and those outside the basic plane become two.
func SanitizeTopic(name string) string {
	out := make([]byte, 0, len(name))
	for _, u := range utf16.Encode([]rune(name)) {
		if u < 0x80 && validTopicByte(byte(u)) {
			out = append(out, byte(u))
		} else {
			out = append(out, '_')
		}
	}
	switch {
	case len(out) > maxTopicName:
		return string(out[:maxTopicName])
	case string(out) == ".":
		return "_"
	case string(out) == "..":
		return "__"
	}
	return string(out)
}

func validTopicByte(c byte) bool {
	return c == '.' || c == '_' || c == '-' || isAlphanumeric(c)
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
