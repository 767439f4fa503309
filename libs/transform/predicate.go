package transform

import (
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/record"
)

type topicNameMatches struct{ pattern *javaregex.Pattern }

func (p topicNameMatches) Holds(r *record.Record) bool { return p.pattern.Matches(r.Topic) }

type recordIsTombstone struct{}

func (recordIsTombstone) Holds(r *record.Record) bool { return r.Value == nil }

type hasHeaderKey struct{ name string }

func (p hasHeaderKey) Holds(r *record.Record) bool { _, ok := r.Header(p.name); return ok }
