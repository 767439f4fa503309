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

// releases maps the prefixes of class names to the releases that the classes follow.
var releases = map[string]string{apache: "4.3.1", debezium: "3.6.3.Final", confluent: "1.6"}

// runnable is a transform, both before and after its settings are read.
type runnable interface {
	configured
	Transform
}

// condition is a predicate, both before and after its settings are read.
type condition interface {
	configured
	Predicate
}

// laterRouter is Debezium's name for ByLogicalTableRouter in releases later than ours.
const laterRouter = debezium + "ToLogicalTopicRouter"

// transforms holds the transforms that have a single class.
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

// partTransforms holds the transforms that have one class for keys and one for values.
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

// Parts returns the transforms, then the predicates, each with its keys.
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

// instead holds advice for users of classes that do not exist here.
var instead = map[string]string{
	debezium + "Filter":             "it runs scripts: use " + apache + "Filter with a predicate",
	debezium + "ContentBasedRouter": "it runs scripts: use " + apache + "RegexRouter with a predicate",
	confluent + "Filter": "take " + apache +
		"Filter with a predicate, or a row filter of the publication",
	confluent + "MessageTimestampRouter":       "use " + apache + "TimestampRouter, which uses the record's timestamp",
	confluent + "GzipDecompress":               "values that producers compressed themselves are delivered as they are",
	confluent + "ReplaceField":                 "use Apache Kafka's class, " + apache + "ReplaceField",
	confluent + "TimestampConverter":           "use Apache Kafka's class, " + apache + "TimestampConverter",
	"io.debezium.transforms.TimezoneConverter": "convert times where you read them",
}

// Class returns the full name of the transform that a configuration names. Its error is Kafka
// Connect's, with the class to use instead if one is known.
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

// PredicateClass does for predicates what Class does for transforms.
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

// notFound is the error for a class that does not exist here.
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

// dropAll is Kafka Connect's Filter: it drops every record to which its predicate applies it.
type dropAll struct{}

func (dropAll) keys() []catalogue.Key { return nil }

func (dropAll) Apply(*record.Record) (*record.Record, error) { return nil, nil }
