package transform

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/calypso-cdc/calypso/libs/record"
)

// newPredicate makes the predicate that the option type names.
func newPredicate(o *options) (Predicate, error) {
	class := o.text("type", "")
	var p Predicate
	switch class[strings.LastIndexByte(class, '.')+1:] {
	case "TopicNameMatches":
		p = topicNameMatches{o.regex("pattern", "")}
	case "RecordIsTombstone":
		p = recordIsTombstone{}
	case "HasHeaderKey":
		p = hasHeaderKey{o.required("name")}
	default:
		return nil, fmt.Errorf("there is no predicate %q: TopicNameMatches, RecordIsTombstone and HasHeaderKey are known", class)
	}
	return p, o.err
}

type topicNameMatches struct{ pattern *regexp.Regexp }

func (p topicNameMatches) Holds(r *record.Record) bool { return p.pattern.MatchString(r.Topic) }

type recordIsTombstone struct{}

func (recordIsTombstone) Holds(r *record.Record) bool { return r.Value == nil }

type hasHeaderKey struct{ name string }

func (p hasHeaderKey) Holds(r *record.Record) bool { _, ok := r.Header(p.name); return ok }
