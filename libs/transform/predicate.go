package transform

import (
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/record"
)

// topicNameMatches is TopicNameMatches: it holds if a pattern matches the topic's whole name.
type topicNameMatches struct{ pattern *javaregex.Pattern }

func (p *topicNameMatches) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "pattern", Type: catalogue.String, Required: true, Check: checkPattern,
			Importance: catalogue.Medium,
			Into:       catalogue.Read(&p.pattern, javaregex.Compile),
			Doc:        "Regular expression that must match the topic's whole name."},
	}
}

func (p *topicNameMatches) Holds(r *record.Record) bool { return p.pattern.Matches(r.Topic) }

// recordIsTombstone is RecordIsTombstone: it holds for records without a value.
type recordIsTombstone struct{}

func (recordIsTombstone) keys() []catalogue.Key { return nil }

func (recordIsTombstone) Holds(r *record.Record) bool { return r.Value == nil }

// hasHeaderKey is HasHeaderKey: it holds for records that have the named header.
type hasHeaderKey struct{ name string }

func (p *hasHeaderKey) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "name", Type: catalogue.String, Required: true, Check: catalogue.NotEmpty,
			Importance: catalogue.Medium,
			Into:       catalogue.Text(&p.name),
			Doc:        "Name of the header that a record must have."},
	}
}

func (p *hasHeaderKey) Holds(r *record.Record) bool { _, ok := r.Header(p.name); return ok }
