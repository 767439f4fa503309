package transform

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/classname"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/record"
)

const (
	apache    = "org.apache.kafka.connect.transforms."
	debezium  = "io.debezium.transforms."
	confluent = "io.confluent.connect.transforms."
)

// releases are those that the classes are of, by what their names begin with.
var releases = map[string]string{apache: "4.3.1", debezium: "3.6.3.Final", confluent: "1.6"}

// runnable is a transform before and after it has its settings.
type runnable interface {
	configured
	Transform
}

// condition is a predicate before and after it has its settings.
type condition interface {
	configured
	Predicate
}

// laterRouter is what Debezium calls its ByLogicalTableRouter in releases after ours.
const laterRouter = debezium + "ToLogicalTopicRouter"

// transforms are the classes that there are.
var transforms = map[string]func() runnable{
	apache + "DropHeaders":     func() runnable { return new(dropHeaders) },
	apache + "Filter":          func() runnable { return dropAll{} },
	apache + "InsertHeader":    func() runnable { return new(insertHeader) },
	apache + "RegexRouter":     func() runnable { return new(regexRouter) },
	apache + "TimestampRouter": func() runnable { return new(timestampRouter) },
	apache + "ValueToKey":      func() runnable { return &valueToKey{schemas: schemaCache{}} },

	debezium + "ByLogicalTableRouter":  func() runnable { return newLogicalRouter("__dbz__physicalTableIdentifier") },
	laterRouter:                        func() runnable { return newLogicalRouter("__dbz__sourceIdentifier") },
	debezium + "ExtractNewRecordState": func() runnable { return newExtractNewRecordState() },
	debezium + "outbox.EventRouter":    func() runnable { return newEventRouter() },

	confluent + "TombstoneHandler":    func() runnable { return new(tombstoneHandler) },
	confluent + "ExtractTopic$Header": func() runnable { return new(headerTopic) },
}

// partTransforms are those that have a class for keys and one for values.
var partTransforms = map[string]func(part) runnable{
	apache + "Cast":         func(on part) runnable { return &cast{on: on, schemas: schemaCache{}} },
	apache + "ExtractField": func(on part) runnable { return &extractField{on: on} },
	apache + "Flatten":      func(on part) runnable { return &flatten{on: on, schemas: schemaCache{}} },
	apache + "HeaderFrom":   func(on part) runnable { return &headerFrom{on: on} },
	apache + "HoistField":   func(on part) runnable { return &hoistField{on: on, schemas: schemaCache{}} },
	apache + "InsertField":  func(on part) runnable { return &insertField{on: on, schemas: schemaCache{}} },
	apache + "MaskField":    func(on part) runnable { return &maskField{on: on} },
	apache + "ReplaceField": func(on part) runnable { return &replaceField{on: on, schemas: schemaCache{}} },
	apache + "SetSchemaMetadata": func(on part) runnable {
		return &setSchemaMetadata{on: on, schemas: schemaCache{}}
	},
	apache + "TimestampConverter": func(on part) runnable {
		return &timestampConverter{on: on, schemas: schemaCache{}}
	},

	confluent + "Drop":         func(on part) runnable { return &drop{on: on, optional: schemaCache{}} },
	confluent + "ExtractTopic": func(on part) runnable { return &extractTopic{on: on} },
}

var predicates = map[string]func() condition{
	apache + "predicates.TopicNameMatches":  func() condition { return new(topicNameMatches) },
	apache + "predicates.RecordIsTombstone": func() condition { return recordIsTombstone{} },
	apache + "predicates.HasHeaderKey":      func() condition { return new(hasHeaderKey) },
}

func init() {
	for class, make := range partTransforms {
		transforms[class+"$Key"] = func() runnable { return make(key) }
		transforms[class+"$Value"] = func() runnable { return make(value) }
	}
}

// Parts are the transforms, then the predicates, with their keys.
func Parts() []catalogue.Part {
	return append(partsOf(catalogue.Transformation, transforms), partsOf(catalogue.Predicate, predicates)...)
}

func partsOf[C configured](kind catalogue.Kind, classes map[string]func() C) []catalogue.Part {
	var parts []catalogue.Part
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		part := catalogue.Part{Class: class, Kind: kind, Keys: classes[class]().keys(), Hidden: class == laterRouter}
		for of, release := range releases {
			if strings.HasPrefix(class, of) {
				part.Version = release
			}
		}
		parts = append(parts, part)
	}
	return parts
}

// instead says what to do where a class that users have is not there.
var instead = map[string]string{
	debezium + "Filter":             "it runs scripts: take " + apache + "Filter with a predicate",
	debezium + "ContentBasedRouter": "it runs scripts: take " + apache + "RegexRouter with a predicate",
	confluent + "Filter": "take " + apache +
		"Filter with a predicate, or a row filter of the publication",
	confluent + "MessageTimestampRouter":       "take " + apache + "TimestampRouter, which goes by the record's timestamp",
	confluent + "GzipDecompress":               "values that are compressed in themselves are delivered as they are",
	confluent + "ReplaceField":                 "take the class of Apache Kafka, " + apache + "ReplaceField",
	confluent + "TimestampConverter":           "take the class of Apache Kafka, " + apache + "TimestampConverter",
	"io.debezium.transforms.TimezoneConverter": "convert times where they are read",
}

// Class is the full name of the transform that a configuration names. Its error is Kafka Connect's,
// with what to take instead where that is known.
func Class(name string) (string, error) {
	full, ok := classname.Find(name, "Transformation", maps.Keys(transforms))
	switch _, two := partTransforms[name]; {
	case ok:
		return full, nil
	case two:
		//nolint:staticcheck // Kafka Connect's words
		return "", fmt.Errorf("This class is abstract and cannot be created. Did you mean %s$Key, %[1]s$Value?", name)
	}
	return "", notFound(name)
}

// PredicateClass is Class for predicates.
func PredicateClass(name string) (string, error) {
	full, ok := classname.Find(name, "Predicate", maps.Keys(predicates))
	if !ok {
		return "", notFound(name)
	}
	return full, nil
}

// newTransform makes the transform that the settings under a prefix describe.
func newTransform(prefix string, given map[string]string) (Transform, *use, error) {
	u := new(use)
	if _, err := catalogue.FillPart(prefix, u.keys(), given); err != nil {
		return nil, nil, err
	}
	t := transforms[u.class]()
	return t, u, configure(t, prefix, given)
}

// newPredicate makes the predicate that the settings under a prefix describe.
func newPredicate(prefix string, given map[string]string) (Predicate, error) {
	u := new(conditionUse)
	if _, err := catalogue.FillPart(prefix, u.keys(), given); err != nil {
		return nil, err
	}
	p := predicates[u.class]()
	return p, configure(p, prefix, given)
}

// notFound is the error of a class which is not there.
func notFound(class string) error {
	said := fmt.Sprintf("Class %.200s could not be found.", class)
	base, _, _ := strings.Cut(class, "$")
	switch way, known := instead[base]; {
	case way != "":
		said += " Calypso does not have this transform; " + way + "."
	case known, strings.HasPrefix(class, confluent), strings.HasPrefix(class, "io.debezium."),
		strings.HasPrefix(class, apache):
		said += " Calypso does not have this transform; GET /connector-plugins?connectorsOnly=false lists those that it has."
	}
	return errors.New(said)
}

// dropAll is Filter: it drops every record that its predicate lets through.
type dropAll struct{}

func (dropAll) keys() []catalogue.Key { return nil }

func (dropAll) Apply(*record.Record) (*record.Record, error) { return nil, nil }
