package api

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
)

const (
	defaultLetters = 100
	maxLetters     = 1000
	// maxShown is how many bytes of letters an answer may have; it must stay below the 4 MiB that
	// clients accept.
	maxShown = 2 << 20
)

// classes are the classes of dead letters as callers see them.
var classes = map[deadletter.Class]sinkv1.DeadLetterClass{
	deadletter.ClassUnreadable: sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_UNREADABLE,
	deadletter.ClassTransform:  sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_TRANSFORM_FAILED,
	deadletter.ClassMisfit:     sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_MISFIT,
	deadletter.ClassTooLarge:   sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_TOO_LARGE,
	deadletter.ClassRefused:    sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_REFUSED,
}

// filterOf is a caller's filter. It refuses filters that no letter can match.
func filterOf(f *sinkv1.DeadLetterFilter) (deadletter.Filter, error) {
	out := deadletter.Filter{IDs: f.GetIds(), Topic: f.GetTopic(), Reason: f.GetReason()}
	if wrong := out.Check(); wrong != nil {
		return out, invalid(wrong)
	}
	for class, shown := range classes {
		if shown == f.GetClass() {
			out.Class = class
		}
	}
	if out.Class == "" && f.GetClass() != 0 {
		return out, rpc.InvalidField("filter.class", fmt.Sprintf("filter.class is %d, which is no class", f.GetClass()))
	}
	return out, nil
}

// counts are counts by class as callers see them, in the order of the classes.
func counts(of []deadletter.Count) []*sinkv1.DeadLetterCount {
	byClass := map[sinkv1.DeadLetterClass]*sinkv1.DeadLetterCount{}
	var out []*sinkv1.DeadLetterCount
	for _, c := range of {
		class := classes[c.Class] // unspecified where another program wrote the letter
		if byClass[class] == nil {
			byClass[class] = &sinkv1.DeadLetterCount{Class: class}
			out = append(out, byClass[class])
		}
		byClass[class].Letters += c.Letters
	}
	slices.SortFunc(out, func(a, b *sinkv1.DeadLetterCount) int { return cmp.Compare(a.Class, b.Class) })
	return out
}

// letters returns as many letters as fit into an answer, at most n.
func letters(q *deadletter.Queue, found []deadletter.Letter, n int) []*sinkv1.DeadLetter {
	decoder := q.Decoder()
	var out []*sinkv1.DeadLetter
	size := 0
	for i := range found[:min(n, len(found))] {
		shown := letter(&found[i], decoder)
		if size += proto.Size(shown); size > maxShown && len(out) > 0 {
			break
		}
		out = append(out, shown)
	}
	return out
}

// letter is a letter as callers see it.
func letter(one *deadletter.Letter, d *deadletter.Decoder) *sinkv1.DeadLetter {
	out := &sinkv1.DeadLetter{
		Id: one.ID, Topic: text(one.Record.Topic), Partition: one.Record.Partition, Offset: one.Record.Offset,
		Key: one.Record.Key, Value: one.Record.Value, Reason: text(one.Reason),
		Time:  timestamppb.New(one.Record.Timestamp),
		Class: classes[one.Rejection.Class], ErrorCode: text(one.Rejection.Code), Permanent: one.Rejection.Permanent,
		Column: text(one.Rejection.Column), Connector: text(one.Connector), Task: one.Task,
		Decoded: decoded(d.Decode(one.Record)),
	}
	for _, h := range one.Record.Headers {
		out.Headers = append(out.Headers, &sinkv1.Header{Key: text(h.Key), Value: h.Value})
		if sc, ok := telemetry.SpanContext(string(h.Value)); ok && h.Key == telemetry.TraceparentKey {
			out.TraceId = sc.TraceID().String()
		}
	}
	return out
}

// decoded is what a record says as callers see it.
func decoded(d deadletter.Decoded) *sinkv1.DecodedRecord {
	out := &sinkv1.DecodedRecord{Key: d.Key, Op: d.Op, Before: d.Before, After: d.After, Row: d.Row,
		SourceLsn: d.SourceLSN, Failure: d.Failure}
	if !d.SourceTime.IsZero() {
		out.SourceTime = timestamppb.New(d.SourceTime)
	}
	return out
}

// text is a text as a field of a message holds it.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string(bytes.ToValidUTF8([]byte(s), []byte("\uFFFD")))
}
