package parts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/classname"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/converter"
	"github.com/calypso-cdc/calypso/libs/transform"
)

var all = slices.Concat(transform.Parts(), converter.Parts())

// All returns all parts.
func All() []catalogue.Part { return all }

// Find finds a part of one of the kinds by its class or a short form of the class's name.
func Find(name string, kinds ...catalogue.Kind) (catalogue.Part, bool) {
	for _, kind := range kinds {
		full, ok := classname.Find(name, suffixes[kind], func(yield func(string) bool) {
			for _, p := range all {
				if p.Kind == kind && !yield(p.Class) {
					return
				}
			}
		})
		if ok {
			return all[slices.IndexFunc(all, func(p catalogue.Part) bool { return p.Kind == kind && p.Class == full })], true
		}
	}
	return catalogue.Part{}, false
}

// suffixes are what short names may leave out.
var suffixes = map[catalogue.Kind]string{catalogue.Transformation: "Transformation", catalogue.Predicate: "Predicate",
	catalogue.Converter: "Converter", catalogue.HeaderConverter: "HeaderConverter"}

// Use is a part as a configuration names it.
type Use struct {
	// Alias is its name in the list of transformations or predicates; empty for converters.
	Alias string
	Kind  catalogue.Kind
	// Prefix stands before the names of its keys: transforms.<alias>. or value.converter.
	Prefix string
	// Known is true if the class that the configuration names exists.
	Known bool
	catalogue.Part
}

const groups = "topic.creation.groups"

// lists are the keys that list the parts of a kind; the keys of a part begin with them.
var lists = []struct {
	key  string
	kind catalogue.Kind
}{{catalogue.TransformsKey, catalogue.Transformation}, {catalogue.PredicatesKey, catalogue.Predicate}}

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

// Of returns the parts that a configuration names, in Kafka Connect's order: transformations,
// predicates, converters.
func Of(config map[string]string) []Use {
	var uses []Use
	add := func(alias, prefix, class string, kind catalogue.Kind) {
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
	for _, key := range []string{catalogue.HeaderConverterKey, catalogue.KeyConverterKey, catalogue.ValueConverterKey} {
		kind := catalogue.Converter
		if key == catalogue.HeaderConverterKey {
			kind = catalogue.HeaderConverter
		}
		if class, given := config[key]; given {
			add("", key+".", class, kind)
		}
	}
	return uses
}

// Shown returns the keys of a use as forms show them: its class, its settings, and how it is used.
func (u Use) Shown() []catalogue.Key {
	if u.Alias == "" {
		return u.Keys
	}
	class, others := transform.UseKeys(u.Kind, u.Alias)
	return slices.Concat([]catalogue.Key{class}, u.Keys, others)
}

// keys are the keys that a use adds to the configuration.
func (u Use) keys() []catalogue.Key {
	var keys []catalogue.Key
	if u.Kind == catalogue.Transformation || u.Kind == catalogue.Predicate {
		class, others := transform.UseKeys(u.Kind, u.Alias)
		keys = append(append(keys, class), others...)
	}
	keys = append(keys, u.Keys...)
	for i := range keys {
		if keys[i].Name == converter.TypeKey { // which Kafka Connect sets by itself
			keys[i].Required = false
		}
	}
	if u.Known {
		keys = append(keys, catalogue.Key{Name: "*", Type: catalogue.String, Importance: catalogue.Low,
			Members: catalogue.Members{Only: true}})
	}
	return catalogue.Under(u.Prefix, keys)
}

// In returns the catalogue with the keys of the parts that a configuration names.
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

// topicSettings are Kafka's settings of topics; a group may give any of them to its topics.
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

// topicGroups are the keys of the groups of topics that a configuration lists, and of the group
// default; settings of other groups are not read. Unknown settings of topics are left for the
// brokers to judge.
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

// Faults returns the contradictions between the settings of the parts that a configuration names.
func Faults(config map[string]string) []catalogue.Problem {
	predicates := catalogue.Items(config[catalogue.PredicatesKey])
	var faults []catalogue.Problem
	for _, use := range Of(config) {
		if use.Kind != catalogue.Transformation {
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
