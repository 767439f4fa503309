package catalogue

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/calypso-cdc/calypso/libs/spelling"
)

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

// Width is Kafka Connect's hint at how wide a form shows a key.
type Width string

const (
	Short  Width = "SHORT"
	Middle Width = "MEDIUM"
	Wide   Width = "LONG"
)

// Dialect says in whose words the faults of a key are described, and how Kafka Connect's answers
// show the key, where Kafka and Debezium differ.
type Dialect int

const (
	// ConfigDef is Kafka's own (org.apache.kafka.common.config.ConfigDef): a key that is not set shows its default.
	ConfigDef Dialect = iota
	// Field is Debezium's (io.debezium.config.Field): a key that is not set shows no value, and no key
	// is shown as required, even if leaving it out is a fault.
	Field
	// Passed is ConfigDef for settings that Kafka Connect checks and then passes on as they were
	// given, with the white space around them.
	Passed
)

// Key declares one configuration key.
type Key struct {
	// Name is the key as documented. A name that ends in "*" declares a family (transforms.*): any key with that
	// prefix belongs to it.
	Name string
	// Pattern is the name under which forms show a family; a family without one is not shown.
	Pattern string
	Dialect Dialect
	// Aliases are older spellings, read when Name is absent and reported as a warning.
	Aliases []string
	Type    Type
	// Default is the value when the key is absent; nil means there is none. Required keys have none.
	Default  *string
	Required bool
	// MayBeEmpty is true if an empty text is a valid value of a required key.
	MayBeEmpty bool
	Importance Importance
	// Doc says what the key does, in sentences, with units and limits.
	Doc   string
	Group string
	// Order is the place in the group that forms show; 0 counts the keys of the group from 1 in the order of
	// declaration.
	Order int
	// Dependents are keys whose values depend on this one's.
	Dependents []string
	// DisplayName is what forms show; Name if empty.
	DisplayName string
	// Width is the size of the input field that forms show; none if empty.
	Width Width
	// Allowed lists the only values accepted (compared without regard to case unless Cased). If empty,
	// it becomes the words that the target takes, if there are any.
	Allowed []string
	Cased   bool
	// Check rejects a value that the type alone cannot; its error says what is wrong and what would be right. See Newly.
	Check func(value string) error
	// Members are the known names of a family's keys.
	Members Members
	// Hidden keys are shown by forms only if they are set: other spellings, and keys without effect.
	Hidden bool
	// SeenIn says where everybody sees the value, such as in the names of topics. A reference is then
	// refused, since the value behind it would be seen there. Empty if the value can be hidden.
	SeenIn SeenIn
	// Into is the variable that the value fills, by its type.
	Into Target
	// Consequences are what a change of the value leads to, besides a restart of the tasks.
	Consequences []Consequence
	// Unsupported says why the key has no effect here; empty if it is supported.
	Unsupported string
	// ChangesData marks an unsupported key that would change the data: setting it is an error, not a
	// warning. A value equal to Default is still accepted, since it asks for nothing special.
	ChangesData bool
}

// Members are names of a family's keys, without its prefix. They serve to recognise typing errors:
// a name that is nearly one of them leads to a warning.
type Members struct {
	Names []string
	// Only is true if no other names are read, unless they are declared by themselves: each leads to a
	// warning. Otherwise a family may have names that are not listed.
	Only bool
	// Secret matches those names whose last group is a secret (column.mask.hash.MD5.with.salt.<salt>); nil if none is.
	Secret *regexp.Regexp
}

// SeenIn is where a value can be seen by everybody, and is kept by other systems.
type SeenIn string

const (
	// InKeys: transforms names transforms.<item>.type.
	InKeys SeenIn = "names other keys, in whose names"
	// InTopics: topic.prefix begins the names of topics.
	InTopics SeenIn = "names topics, in whose names"
	// InTables: a mapping names the tables of a database.
	InTables SeenIn = "names tables, in whose names"
	// InGroups: consumer.override.group.id is the name of a consumer group.
	InGroups SeenIn = "names a group, in whose name"
)

// Fault is the error of a Check, or of reading a value, in the exact words of the software that
// Calypso replaces, which begin with a capital letter.
type Fault string

func (f Fault) Error() string { return string(f) }

// Default makes a Key's default from a literal.
func Default(value string) *string { return &value }

// Catalogue is an ordered set of keys. It does not change after New and may be shared.
type Catalogue struct {
	keys     []Key
	byName   map[string]int // name, not of a family -> index in keys
	byAlias  map[string]int // alias -> index in keys
	families []int          // indexes in keys of the names that end in "*", longest prefix first
	// settings reads a configuration as the connector does, for the conditions of consequences; nil if
	// none has a condition.
	settings func(Values) any
}

// Problem is one error or warning about one key. It is an error value too, for faults that a
// connector finds beyond what its keys declare.
type Problem struct {
	Key     string
	Message string
	// Harmless marks a warning about a key that has its full effect: nobody needs to do anything.
	Harmless bool
	// Outdated marks a warning about a value with which new configurations are refused.
	Outdated bool
}

func (p Problem) Error() string { return p.Message }

// Problemf makes the error of a key. The message should name the key too, since people read it on
// its own.
func Problemf(key, format string, args ...any) Problem {
	return Problem{Key: key, Message: fmt.Errorf(format, args...).Error()}
}

// New joins groups of keys, in order, into a catalogue. A key that a later group declares again
// replaces the earlier declaration in its place, which is how a connector narrows a key of the
// framework. A name declared twice in one group, or an alias that is also a name or another key's
// alias, is an error.
func New(groups ...[]Key) (*Catalogue, error) {
	most := 0
	for _, group := range groups {
		most += len(group)
	}
	c := &Catalogue{keys: make([]Key, 0, most), byName: make(map[string]int, most), byAlias: map[string]int{}}
	index := make(map[string]int, most)
	for _, group := range groups {
		inGroup := map[string]bool{}
		for _, key := range group {
			if key.Name == "" {
				return nil, fmt.Errorf("catalogue: a key has no name (documentation %q)", key.Doc)
			}
			if inGroup[key.Name] {
				return nil, fmt.Errorf("catalogue: key %s is declared twice", key.Name)
			}
			inGroup[key.Name] = true
			if key.Required && key.Default != nil {
				return nil, fmt.Errorf("catalogue: key %s is required and has a default", key.Name)
			}
			if err := key.fits(); err != nil {
				return nil, err
			}
			key = key.withWords()
			if at, ok := index[key.Name]; ok {
				c.keys[at] = key
				continue
			}
			index[key.Name] = len(c.keys)
			c.keys = append(c.keys, key)
		}
	}
	for i, key := range c.keys {
		if strings.HasSuffix(key.Name, "*") {
			c.families = append(c.families, i)
			continue
		}
		c.byName[key.Name] = i
	}
	for i, key := range c.keys {
		for _, alias := range key.Aliases {
			_, named := index[alias]
			_, taken := c.byAlias[alias]
			if named || taken {
				return nil, fmt.Errorf("catalogue: alias %s of key %s already names another key", alias, key.Name)
			}
			c.byAlias[alias] = i
		}
		if key.Default != nil {
			if problem := key.check(*key.Default); problem != "" {
				return nil, fmt.Errorf("catalogue: default of key %s: %s", key.Name, problem)
			}
			if key.Into.fill == nil {
				continue
			}
			if err := key.Into.fill(*key.Default); err != nil {
				return nil, fmt.Errorf("catalogue: default of key %s: %w", key.Name, err)
			}
		}
	}
	c.sortFamilies()
	return c, nil
}

// Reading sets how a configuration is read for the conditions of consequences (see Case); read must
// also accept one with faults.
func (c *Catalogue) Reading(read func(Values) any) *Catalogue {
	c.settings = read
	return c
}

// withWords sets Allowed to the words that the key's target takes, if it is empty.
func (k Key) withWords() Key {
	if len(k.Allowed) == 0 {
		k.Allowed = k.Into.words
	}
	return k
}

// sortFamilies puts families with longer prefixes first.
func (c *Catalogue) sortFamilies() {
	sort.SliceStable(c.families, func(a, b int) bool {
		return len(c.keys[c.families[a]].Name) > len(c.keys[c.families[b]].Name)
	})
}

// With returns the catalogue with the further keys that one configuration brings with it, such as
// those of its transformations. A key that the catalogue already declares by the same name stays.
func (c *Catalogue) With(keys []Key) *Catalogue {
	more := &Catalogue{keys: slices.Clone(c.keys), byName: maps.Clone(c.byName), byAlias: maps.Clone(c.byAlias),
		families: slices.Clone(c.families), settings: c.settings}
	for _, key := range keys {
		key = key.withWords()
		at := len(more.keys)
		if strings.HasSuffix(key.Name, "*") {
			if i := slices.IndexFunc(more.families, func(i int) bool { return more.keys[i].Name == key.Name }); i >= 0 {
				more.keys[more.families[i]].Members.Only = key.Members.Only
				continue
			}
			more.families = append(more.families, at)
		} else if _, declared := more.byName[key.Name]; declared {
			continue
		} else {
			more.byName[key.Name] = at
		}
		for _, alias := range key.Aliases {
			if _, named := more.byName[alias]; !named {
				more.byAlias[alias] = at
			}
		}
		more.keys = append(more.keys, key)
	}
	more.sortFamilies()
	return more
}

// Keys are the declared keys in order.
func (c *Catalogue) Keys() []Key { return slices.Clone(c.keys) }

// Lookup finds the declaration of a key as a configuration spells it: by name, by alias or by family.
func (c *Catalogue) Lookup(name string) (Key, bool) {
	if i, ok := c.byName[name]; ok {
		return c.keys[i], true
	}
	if i, ok := c.byAlias[name]; ok {
		return c.keys[i], true
	}
	for _, i := range c.families {
		if prefix := strings.TrimSuffix(c.keys[i].Name, "*"); strings.HasPrefix(name, prefix) && name != prefix {
			return c.keys[i], true
		}
	}
	return Key{}, false
}

// Secret reports whether the value of a key must not be shown: its type is PASSWORD; or the key is
// not declared by its own name and its name suggests a secret or is nearly that of one, so that a
// typing error does not reveal it.
func (c *Catalogue) Secret(name string) bool {
	key, ok := c.Lookup(name)
	if ok && !strings.HasSuffix(key.Name, "*") {
		return key.Type == Password
	}
	if key.Type == Password || LooksSecret(name) {
		return true
	}
	meant, _ := c.Lookup(spelling.Nearest(name, c.spellings))
	return meant.Type == Password && !strings.HasSuffix(meant.Name, "*")
}
