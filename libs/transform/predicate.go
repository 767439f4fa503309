package transform

import (
	"strings"

	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/record"
)

// newPredicate makes the predicate that the option type names.
func newPredicate(o *options) (Predicate, error) {
	class := strings.TrimSpace(o.text("type", ""))
	if class == "" {
		return nil, missing(o.prefix + "type")
	}
	var p Predicate
	switch class[strings.LastIndexByte(class, '.')+1:] {
	case "TopicNameMatches":
		p = topicNameMatches{o.regex("pattern", "")}
	case "RecordIsTombstone":
		p = recordIsTombstone{}
	case "HasHeaderKey":
		p = hasHeaderKey{o.required("name")}
	default:
		return nil, notFound(o.prefix+"type", class)
	}
	return p, o.err
}

type topicNameMatches struct{ pattern *javaregex.Pattern }

func (p topicNameMatches) Holds(r *record.Record) bool { return p.pattern.Matches(r.Topic) }

type recordIsTombstone struct{}

func (recordIsTombstone) Holds(r *record.Record) bool { return r.Value == nil }

type hasHeaderKey struct{ name string }

func (p hasHeaderKey) Holds(r *record.Record) bool { _, ok := r.Header(p.name); return ok }
