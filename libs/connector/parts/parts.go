// Package parts declares the transformations, predicates and converters that connectors run, with their keys: those
// of Kafka Connect 4.3.1, Debezium 3.6.3 and Confluent, described in our words.
//
// A configuration names its parts by itself, and with them which keys there are: In gives those, so that they are
// checked, shown and missed like the keys that connectors declare.
package parts

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/classname"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/transform"
)

// Kind is Kafka Connect's type of a plugin that is a part of a connector.
type Kind string

const (
	Transformation  Kind = "transformation"
	Predicate       Kind = "predicate"
	Converter       Kind = "converter"
	HeaderConverter Kind = "header_converter"
)

// Part is a plugin that is a part of a connector.
type Part struct {
	Class   string
	Kind    Kind
	Version string
	// Keys are the part's settings by their own names, without the prefix that a configuration gives them.
	Keys []Key
}

// Key is a setting of a part.
type Key struct {
	catalogue.Key
	// Place is where forms show the key in its group; -1 where it has none.
	Place int32
}

//go:embed parts.json
var file []byte

var all = read()

// checks are those that parts.json names.
var checks = map[string]func(string) error{
	"":          nil,
	"regex":     regex,
	"not empty": notEmpty,
	"renames":   renames,
}

// renames are old:new, of which Java's split forgets what is empty at the end.
func renames(list string) error {
	for _, item := range catalogue.Items(list) {
		if strings.Count(strings.TrimRight(item, ":"), ":") != 1 {
			return catalogue.Fault("Invalid rename mapping: " + item)
		}
	}
	return nil
}

func regex(text string) error {
	if text == "" {
		return catalogue.Fault("String must be non-empty")
	}
	if _, err := javaregex.Compile(text); err != nil {
		return catalogue.Fault("Invalid regex: " + err.Error())
	}
	return nil
}

func notEmpty(text string) error {
	if text == "" {
		return catalogue.Fault("String must be non-empty")
	}
	return nil
}

func read() []Part {
	var listed []struct {
		Class, Version string
		Type           Kind
		Config         []struct {
			Name, Type, Importance, Documentation, Width string
			Required, Hidden, Cased                      bool
			Default                                      *string `json:"default_value"`
			Group                                        *string
			Place                                        int32  `json:"order_in_group"`
			DisplayName                                  string `json:"display_name"`
			Dependents, Aliases, Allowed                 []string
			Check, Unsupported                           string
			ChangesData                                  bool `json:"changes_data"`
		}
	}
	if err := json.Unmarshal(file, &listed); err != nil {
		panic(fmt.Sprintf("parts: parts.json, which is built in, cannot be read: %v", err))
	}
	var parts []Part
	for _, l := range listed {
		p := Part{Class: l.Class, Kind: l.Type, Version: l.Version}
		for _, k := range l.Config {
			key := Key{Place: k.Place, Key: catalogue.Key{Hidden: k.Hidden,
				Name: k.Name, Aliases: k.Aliases, Type: catalogue.Type(k.Type), Default: k.Default, Required: k.Required,
				MayBeEmpty: true, Importance: catalogue.Importance(k.Importance),
				Doc: k.Documentation, Dependents: k.Dependents, DisplayName: k.DisplayName, Width: catalogue.Width(k.Width),
				Allowed: k.Allowed, Cased: k.Cased,
				Check: checks[k.Check], Unsupported: k.Unsupported, ChangesData: k.ChangesData,
			}}
			if k.Group != nil {
				key.Group = *k.Group
			}
			p.Keys = append(p.Keys, key)
		}
		parts = append(parts, p)
	}
	return parts
}

// All are the parts that there are.
func All() []Part { return all }

// Find finds a part of one of the kinds by its class or a short name of that.
func Find(name string, kinds ...Kind) (Part, bool) {
	for _, kind := range kinds {
		full, ok := classname.Find(name, suffixes[kind], func(yield func(string) bool) {
			for _, p := range all {
				if p.Kind == kind && !yield(p.Class) {
					return
				}
			}
		})
		if ok {
			return all[slices.IndexFunc(all, func(p Part) bool { return p.Kind == kind && p.Class == full })], true
		}
	}
	return Part{}, false
}

// suffixes are what short names may leave out.
var suffixes = map[Kind]string{Transformation: "Transformation", Predicate: "Predicate", Converter: "Converter",
	HeaderConverter: "HeaderConverter"}

// Use is a part as a configuration names it.
type Use struct {
	// Alias is its name in the list of transformations or predicates; empty for converters.
	Alias string
	Kind  Kind
	// Prefix stands before the names of its keys: transforms.<alias>. or value.converter.
	Prefix string
	// Known is whether there is the class that the configuration names.
	Known bool
	Part
}

const groups = "topic.creation.groups"

// lists are the keys that list parts of a kind, whose keys begin with them.
var lists = []struct {
	key  string
	kind Kind
}{{"transforms", Transformation}, {"predicates", Predicate}}

// Lists are the keys whose values name the keys of parts, and of groups of topics.
func Lists() []string {
	var keys []string
	for _, list := range lists {
		keys = append(keys, list.key)
	}
	return append(keys, groups)
}

// maxUses is how many transformations, and how many predicates, are looked at.
const maxUses = 100

// Of are the parts that a configuration names, in Kafka Connect's order: transformations, predicates, converters.
func Of(config map[string]string) []Use {
	var uses []Use
	add := func(alias, prefix, class string, kind Kind) {
		u := Use{Alias: alias, Kind: kind, Prefix: prefix}
		u.Part, u.Known = Find(strings.TrimSpace(class), kind)
		uses = append(uses, u)
	}
	for _, list := range lists {
		aliases := catalogue.Items(config[list.key])
		for i, alias := range aliases {
			if i < maxUses && !slices.Contains(aliases[:i], alias) {
				prefix := list.key + "." + alias + "."
				add(alias, prefix, config[prefix+"type"], list.kind)
			}
		}
	}
	for _, use := range []string{"header", "key", "value"} {
		kind := Converter
		if use == "header" {
			kind = HeaderConverter
		}
		if class, given := config[use+".converter"]; given {
			add("", use+".converter.", class, kind)
		}
	}
	return uses
}

// keys are those that a use gives the configuration.
func (u Use) keys() []catalogue.Key {
	var keys []catalogue.Key
	declare := func(key catalogue.Key) {
		key.Name = u.Prefix + key.Name
		key.Aliases = slices.Clone(key.Aliases)
		for i := range key.Aliases {
			key.Aliases[i] = u.Prefix + key.Aliases[i]
		}
		keys = append(keys, key)
	}
	version := catalogue.Key{Name: "plugin.version", Type: catalogue.String, Importance: catalogue.Low, Hidden: true,
		Unsupported: "Only the built-in version is there."}
	switch u.Kind {
	case Transformation:
		declare(catalogue.Key{Name: "type", Type: catalogue.Class, Required: true, Check: class(transform.Class),
			Importance: catalogue.High, Width: catalogue.Wide})
		declare(catalogue.Key{Name: "negate", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Medium})
		declare(catalogue.Key{Name: "predicate", Type: catalogue.String, Importance: catalogue.Medium})
		declare(version)
	case Predicate:
		declare(catalogue.Key{Name: "type", Type: catalogue.Class, Required: true, Check: class(transform.PredicateClass),
			Importance: catalogue.High, Width: catalogue.Wide})
		declare(version)
	}
	for _, key := range u.Keys {
		if key.Name == "converter.type" { // which Kafka Connect sets by itself
			key.Required = false
		}
		declare(key.Key)
	}
	if u.Known {
		declare(catalogue.Key{Name: "*", Type: catalogue.String, Importance: catalogue.Low,
			Members: catalogue.Members{Only: true}})
	}
	return keys
}

func class(named func(string) (string, error)) func(string) error {
	return func(text string) error {
		if text == "" { // of which transform says that it is missing
			return catalogue.Fault("Class  could not be found.")
		}
		_, err := named(text)
		return err
	}
}

// In is the catalogue with the keys of the parts that a configuration names.
func In(keys *catalogue.Catalogue, config map[string]string) *catalogue.Catalogue {
	var more []catalogue.Key
	for _, use := range Of(config) {
		more = append(more, use.keys()...)
	}
	if _, creates := keys.Lookup(groups); creates {
		more = append(more, topicGroups(config)...)
	}
	return keys.With(more)
}

// topicSettings are Kafka's settings of topics, of which a group gives any to the topics that it is for.
var topicSettings = []string{
	"cleanup.policy", "compression.gzip.level", "compression.lz4.level", "compression.type", "compression.zstd.level",
	"delete.retention.ms", "file.delete.delay.ms", "flush.messages", "flush.ms",
	"follower.replication.throttled.replicas", "index.interval.bytes", "leader.replication.throttled.replicas",
	"local.retention.bytes", "local.retention.ms", "max.compaction.lag.ms",
	"max.message.bytes", "message.timestamp.after.max.ms", "message.timestamp.before.max.ms", "message.timestamp.type",
	"min.cleanable.dirty.ratio", "min.compaction.lag.ms",
	"min.insync.replicas", "preallocate", "remote.storage.enable", "retention.bytes", "retention.ms", "segment.bytes",
	"segment.index.bytes", "segment.jitter.ms", "segment.ms",
	"unclean.leader.election.enable",
}

// topicGroups are the keys of the groups of topics that a configuration lists, and of the group default; settings of
// other groups are not read. What is no setting of topics is left to the brokers, who know theirs.
func topicGroups(config map[string]string) []catalogue.Key {
	keys := []catalogue.Key{{Name: "topic.creation.*", Members: catalogue.Members{Only: true}}}
	named := catalogue.Items(config[groups])
	for _, group := range append([]string{"default"}, named[:min(len(named), maxUses)]...) {
		prefix := "topic.creation." + group + "."
		keys = append(keys, catalogue.Key{Name: prefix + "*", Type: catalogue.String, Importance: catalogue.Low,
			Members: catalogue.Members{Names: append([]string{"include", "exclude", "partitions", "replication.factor"},
				topicSettings...)}})
	}
	return keys
}

// Faults are those between the settings of the parts that a configuration names.
func Faults(config map[string]string) []catalogue.Problem {
	predicates := catalogue.Items(config["predicates"])
	var faults []catalogue.Problem
	for _, use := range Of(config) {
		if use.Kind != Transformation {
			continue
		}
		predicate, given := config[use.Prefix+"predicate"]
		switch predicate = strings.TrimSpace(predicate); {
		case !given && has(config, use.Prefix+"negate"):
			faults = append(faults, catalogue.Problem{Key: use.Prefix + "negate", Message: fmt.Sprintf(
				"Config '%snegate' was provided but there is no config '%[1]spredicate' defining a predicate to be negated.",
				use.Prefix)})
		case given && !slices.Contains(predicates, predicate):
			faults = append(faults, catalogue.Problem{Key: use.Prefix + "predicate", Message: fmt.Sprintf(
				"Invalid value %.200s for configuration %spredicate: predicates does not list it", predicate, use.Prefix)})
		}
	}
	return faults
}

func has(config map[string]string, key string) bool { _, ok := config[key]; return ok }
