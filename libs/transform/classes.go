package transform

import (
	"errors"
	"fmt"
	"maps"
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

// transforms are the classes that there are.
var transforms = map[string]func(*options) (Transform, error){
	apache + "DropHeaders":     newDropHeaders,
	apache + "Filter":          func(*options) (Transform, error) { return dropAll{}, nil },
	apache + "InsertHeader":    newInsertHeader,
	apache + "RegexRouter":     newRegexRouter,
	apache + "TimestampRouter": newTimestampRouter,
	apache + "ValueToKey":      newValueToKey,

	debezium + "ByLogicalTableRouter": func(o *options) (Transform, error) {
		return newLogicalRouter(o, "__dbz__physicalTableIdentifier")
	},
	debezium + "ToLogicalTopicRouter": func(o *options) (Transform, error) {
		return newLogicalRouter(o, "__dbz__sourceIdentifier")
	},
	debezium + "ExtractNewRecordState": newExtractNewRecordState,
	debezium + "outbox.EventRouter":    newEventRouter,

	confluent + "TombstoneHandler":    newTombstoneHandler,
	confluent + "ExtractTopic$Header": newHeaderTopic,
}

// partTransforms are those that have a class for keys and one for values.
var partTransforms = map[string]func(*options, part) (Transform, error){
	apache + "Cast":               newCast,
	apache + "ExtractField":       newExtractField,
	apache + "Flatten":            newFlatten,
	apache + "HeaderFrom":         newHeaderFrom,
	apache + "HoistField":         newHoistField,
	apache + "InsertField":        newInsertField,
	apache + "MaskField":          newMaskField,
	apache + "ReplaceField":       newReplaceField,
	apache + "SetSchemaMetadata":  newSetSchemaMetadata,
	apache + "TimestampConverter": newTimestampConverter,

	confluent + "Drop":         newDrop,
	confluent + "ExtractTopic": newExtractTopic,
}

var predicates = map[string]func(*options) (Predicate, error){
	apache + "predicates.TopicNameMatches": func(o *options) (Predicate, error) {
		return topicNameMatches{o.regex("pattern", "")}, o.err
	},
	apache + "predicates.RecordIsTombstone": func(o *options) (Predicate, error) { return recordIsTombstone{}, nil },
	apache + "predicates.HasHeaderKey": func(o *options) (Predicate, error) {
		return hasHeaderKey{o.required("name")}, o.err
	},
}

func init() {
	for class, make := range partTransforms {
		transforms[class+"$Key"] = func(o *options) (Transform, error) { return make(o, key) }
		transforms[class+"$Value"] = func(o *options) (Transform, error) { return make(o, value) }
	}
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

// newTransform makes the transform that the option type names.
func newTransform(o *options) (Transform, error) {
	full := o.class(Class)
	if o.err != nil {
		return nil, o.err
	}
	o.verbatim = strings.HasPrefix(full, debezium)
	return transforms[full](o)
}

// newPredicate makes the predicate that the option type names.
func newPredicate(o *options) (Predicate, error) {
	full := o.class(PredicateClass)
	if o.err != nil {
		return nil, o.err
	}
	return predicates[full](o)
}

// class is the full name of the class that the option type names.
func (o *options) class(named func(string) (string, error)) string {
	name := o.required("type")
	full, err := named(name)
	if err != nil {
		o.keep(catalogue.Problemf(o.prefix+"type", "Invalid value %.200s for configuration %s: %v", name,
			o.prefix+"type", err))
	}
	return full
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

func (dropAll) Apply(*record.Record) (*record.Record, error) { return nil, nil }
