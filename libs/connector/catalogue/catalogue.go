// Package catalogue declares configuration keys once: name, aliases, type, default, importance, documentation and
// secrecy. Validation, Kafka Connect's validate answer, the reference page and the masking of secrets all follow from
// the declaration. Keys and values are strings, as in Kafka Connect; a connector reads them through Values, which
// has already checked them.
package catalogue

// Type is Kafka Connect's type of a key (org.apache.kafka.common.config.ConfigDef.Type).
type Type string

const (
	Boolean  Type = "BOOLEAN"
	String   Type = "STRING"
	Int      Type = "INT"
	Long     Type = "LONG"
	Double   Type = "DOUBLE"
	List     Type = "LIST"
	Class    Type = "CLASS"
	Password Type = "PASSWORD"
)

// Importance is Kafka Connect's importance of a key.
type Importance string

const (
	High   Importance = "HIGH"
	Medium Importance = "MEDIUM"
	Low    Importance = "LOW"
)

// Key declares one configuration key.
type Key struct {
	// Name is the key as documented. A name that ends in "*" declares a family (transforms.*): any key with that
	// prefix belongs to it.
	Name string
	// Aliases are older spellings, read when Name is absent and reported as a warning.
	Aliases []string
	Type    Type
	// Default is the value when the key is absent; nil means there is none. Required keys have none.
	Default    *string
	Required   bool
	Importance Importance
	// Doc says what the key does, in sentences, with units and limits.
	Doc   string
	Group string
	// Allowed lists the only values accepted, if not empty (compared without regard to case).
	Allowed []string
	// Check rejects a value that the type alone cannot; its error says what is wrong and what would be right.
	Check func(value string) error
	// Unsupported says why the key has no effect here; empty if it is supported.
	Unsupported string
	// ChangesData marks an unsupported key that would change what data comes out: setting it is an error, not a warning.
	// A value equal to Default is still accepted, since it asks for nothing special.
	ChangesData bool
}

// Default makes a Key's default from a literal.
func Default(value string) *string { return &value }

// Catalogue is an ordered set of keys.
type Catalogue struct {
	keys   []Key
	byName map[string]int // name or alias -> index in keys
}

// Problem is one error or warning about one key.
type Problem struct {
	Key     string
	Message string
}

// Values are checked settings of one connector.
type Values struct {
	catalogue *Catalogue
	given     map[string]string // canonical name -> value as given (aliases resolved)
}
