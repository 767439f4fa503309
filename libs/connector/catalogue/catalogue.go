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

// Dialect is whose words describe the faults of a key, and how Kafka Connect's answers show it
// where the two differ.
type Dialect int

const (
	// ConfigDef is Kafka's own (org.apache.kafka.common.config.ConfigDef): a key that is not set shows its default.
	ConfigDef Dialect = iota
	// Field is Debezium's (io.debezium.config.Field): a key that is not set shows no value, and none is called
	// required, though the fault says so.
	Field
	// Passed is ConfigDef for settings that Kafka Connect checks, and then passes on as they were given: whoever reads
	// them gets the white space around them too.
	Passed
)

// Key declares one configuration key.
type Key struct {
	// Name is the key as documented. A name that ends in "*" declares a family (transforms.*): any key with that
	// prefix belongs to it.
	Name string
	// Pattern is the name by which forms show a family, as its origin has it; a family without one is not shown.
	Pattern string
	Dialect Dialect
	// Aliases are older spellings, read when Name is absent and reported as a warning.
	Aliases []string
	Type    Type
	// Default is the value when the key is absent; nil means there is none. Required keys have none.
	Default  *string
	Required bool
	// MayBeEmpty says of a required key that an empty text is a value of it.
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
	// Allowed lists the only values accepted, if not empty (compared without regard to case unless Cased); those that
	// the target takes if it is empty.
	Allowed []string
	Cased   bool
	// Check rejects a value that the type alone cannot; its error says what is wrong and what would be right. See Newly.
	Check func(value string) error
	// Members are the names of a family's keys that are known.
	Members Members
	// Hidden keys are shown by forms only where they are set: other spellings, and what has no effect.
	Hidden bool
	// SeenIn says of what everybody sees the value is a part: a reference is refused, since what it stands for would
	// be seen there. Empty means that what it stands for can be hidden.
	SeenIn SeenIn
	// Into is the variable that the value fills, by its type.
	Into Target
	// Consequences are what a change of the value leads to, besides that the tasks start again.
	Consequences []Consequence
	// Unsupported says why the key has no effect here; empty if it is supported.
	Unsupported string
	// ChangesData marks an unsupported key that would change what data comes out: setting it is an error, not a
	// warning. A value equal to Default is still accepted, since it asks for nothing special.
	ChangesData bool
}

// Members are names of a family's keys, after its prefix, by which slips are recognised: one that
// is nearly such a name is warned of.
type Members struct {
	Names []string
	// Only says that nothing reads other names, unless they are declared by themselves: all of them are warned of.
	// Otherwise they may be whatever what reads the family takes.
	Only bool
	// Secret matches those names whose last group is a secret (column.mask.hash.MD5.with.salt.<salt>); nil if none is.
	Secret *regexp.Regexp
}

// SeenIn is of what everybody sees, and other systems keep, that a value is a part.
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

// Fault is the error of a Check, or of reading a value, in the very words of what Calypso replaces, which begin with a
// capital letter.
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
	// settings reads a configuration as the connector does, for the conditions of consequences; nil if there are none.
	settings func(Values) any
}

// Problem is one error or warning about one key. A connector that finds a fault beyond what keys declare returns it
// as an error.
type Problem struct {
	Key     string
	Message string
	// Harmless says of a warning that the key has all its effect: nobody needs to do anything.
	Harmless bool
	// Outdated says of a warning that new configurations with this value are refused.
	Outdated bool
}

func (p Problem) Error() string { return p.Message }

// Problemf is the error of a key, which the message names too: people read it without the key.
func Problemf(key, format string, args ...any) Problem {
	return Problem{Key: key, Message: fmt.Errorf(format, args...).Error()}
}

// New joins groups of keys, in order, to a catalogue. A key that a later group declares again replaces the earlier
// declaration in its place, which is how a connector narrows a key of the framework. A name declared twice in one
// group, or an alias that is also a name or another key's alias, is an error.
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

// Reading makes consequences look at the settings that read makes of a configuration, even of one
// with faults; see Case.
func (c *Catalogue) Reading(read func(Values) any) *Catalogue {
	c.settings = read
	return c
}

// withWords allows what the target of a key takes.
func (k Key) withWords() Key {
	if len(k.Allowed) == 0 {
		k.Allowed = k.Into.words
	}
	return k
}

// sortFamilies puts those with longer prefixes first.
func (c *Catalogue) sortFamilies() {
	sort.SliceStable(c.families, func(a, b int) bool {
		return len(c.keys[c.families[a]].Name) > len(c.keys[c.families[b]].Name)
	})
}

// With is the catalogue with further keys that one configuration brings with it, such as those of its
// transformations. Where it declares a key by that very name already, this stays.
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

// Secret reports whether the value of a key must not be shown: its type is PASSWORD, or it is not declared by its own
// name and looks like a secret, or nearly has the name of one: a slip must not show it.
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
