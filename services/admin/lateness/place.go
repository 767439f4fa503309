package lateness

import (
	"time"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/services/admin/lag"
)

const (
	captureHolds = adminv1.HeldAt_HELD_AT_COMMIT_TO_CAPTURE
	kafkaAwaits  = adminv1.HeldAt_HELD_AT_CAPTURE_TO_KAFKA
	sinkAwaits   = adminv1.HeldAt_HELD_AT_KAFKA_TO_SINK
	sinkHolds    = adminv1.HeldAt_HELD_AT_SINK_TO_QUERYABLE
)

// place says where the oldest change of a row that is not queryable is.
type place struct {
	// at is unspecified if nothing waits.
	at adminv1.HeldAt
	// oldest is when the change was committed; zero if it is not known whether there is one.
	oldest time.Time
	// since is when changes began to be held there.
	since time.Time
	// fills is true if the change is in a batch that may still wait for more.
	fills bool
	// partition is the partition that has it, and parts is how many partitions of the topic have
	// changes that wait; -1 if it is in none.
	partition     int32
	parts, behind int
	// mark is where the step that has it is, and moved is when that last changed.
	mark  mark
	moved time.Time
	// unknown is true if a step could not be asked, so that this is what it said last.
	unknown bool
}

// mark shows whether a step makes progress, which the age does not: all rows of a large transaction
// are equally old.
type mark struct {
	oldest time.Time
	offset int64
	lsn    string
}

// Memory remembers what a pipeline's steps said last. The zero value knows nothing.
type Memory struct {
	rows  map[rowKey]place
	sinks map[sinkKey]sinkSaid
	// unread is what capture said last about tables with changes that were not in Kafka.
	unread map[string]place
}

type rowKey struct{ topic, sink, target string }

type sinkKey struct{ topic, sink string }

// sinkSaid is what a sink said about a topic when it could last be asked.
type sinkSaid struct {
	place place
	// target is where its rows went.
	target string
	// changed was capture's position of the table's last change then.
	changed string
	// came is when the first change since then was committed; zero if there was none.
	came time.Time
}

// place finds where the oldest change of each row is, and remembers it.
func (m *Memory) place(now time.Time, v View, rows []*row) {
	next := Memory{rows: make(map[rowKey]place, len(rows)), sinks: make(map[sinkKey]sinkSaid, len(rows))}
	next.unread = m.unreadOf(v.Pipeline)
	blind := blindBeforeKafka(v.Pipeline)
	for _, r := range rows {
		p := m.behindKafka(r, next.sinks)
		before := next.unread[r.Table]
		if r.Table == "" {
			before = place{}
		}
		if before.at != 0 && (p.at == 0 || p.oldest.IsZero() || before.oldest.Before(p.oldest)) {
			p = before
		}
		if p.at == 0 && blind && r.Table != "" {
			p = place{at: captureHolds, unknown: true, partition: -1}
		}
		key := rowKey{r.Topic, r.Sink, r.Target}
		r.place = m.dated(now, key, p)
		if p.at != 0 {
			next.rows[key] = r.place
		}
	}
	*m = next
}

// dated finds since when changes have been held at a place without a break. That is when the oldest
// of them was committed, if that is later than the time found last: all earlier ones have gone on
// since.
func (m *Memory) dated(now time.Time, key rowKey, p place) place {
	last, held := m.rows[key]
	p.mark.oldest, p.moved = p.oldest, now
	if held && last.at == p.at && last.mark == p.mark {
		p.moved = last.moved
	}
	switch {
	case p.at == 0:
		return p
	case held && last.at != p.at: // it has come on since the last look
		p.since = now
	case held && !p.oldest.After(last.since):
		p.since = last.since
	case p.oldest.IsZero() || p.oldest.After(now):
		p.since = now
	default:
		p.since = p.oldest
	}
	return p
}

// unreadOf returns what is not in Kafka yet, by table, or was not when capture could last be asked.
func (m *Memory) unreadOf(p *adminv1.Pipeline) map[string]place {
	if p.Capture == nil {
		return m.unread
	}
	all := make(map[string]place, len(p.Capture.UnreadTables))
	received, _ := lag.ParseLSN(p.Capture.ReceivedLsn)
	for _, t := range p.Capture.UnreadTables {
		at := captureHolds
		if lsn, ok := lag.ParseLSN(t.Lsn); ok && received >= lsn {
			at = kafkaAwaits
		}
		all[t.Table] = place{at: at, oldest: t.Since.AsTime(), partition: -1,
			mark: mark{lsn: p.Capture.DurableLsn + " " + p.Capture.ReceivedLsn}}
	}
	return all
}

// blindBeforeKafka reports whether it is not known if tables have changes that are not in Kafka.
func blindBeforeKafka(p *adminv1.Pipeline) bool {
	if p.Capture == nil {
		return true
	}
	return p.Capture.UnreadUnknown != "" && p.Capture.Phase != capturev1.Phase_PHASE_STREAMING
}

// behindKafka finds where the oldest change of a row that is in Kafka is. What the sink says is
// added to said.
func (m *Memory) behindKafka(r *row, said map[sinkKey]sinkSaid) place {
	if r.Sink == "" {
		return place{}
	}
	key := sinkKey{r.Topic, r.Sink}
	last, known := m.sinks[key]
	if r.Target == "" { // no task runs that could say it
		r.Target = last.target
	}
	if p, known := placeOf(r.parts); known {
		now := sinkSaid{place: p, target: r.Target, changed: r.captured.GetLastChangeLsn()}
		// If a topic has several targets, the first with something that waits is remembered.
		if earlier, ok := said[key]; !ok || earlier.place.at == 0 {
			said[key] = now
		}
		return p
	}
	if !known {
		if len(r.parts) > 0 { // it said where it is, but not since when
			return place{}
		}
		return place{at: sinkAwaits, unknown: true, partition: -1}
	}
	// A task of capture that has just begun has not seen a change yet, and its position is empty.
	if lsn := r.captured.GetLastChangeLsn(); last.came.IsZero() && lsn != "" && lsn != last.changed {
		last.came = r.captured.GetLastChangeTime().AsTime()
	}
	said[key] = last
	p := last.place
	switch {
	case p.at != 0: // as far as is known, what waited then still waits
	case !last.came.IsZero():
		p = place{at: sinkAwaits, oldest: last.came, partition: -1}
	case r.captured != nil: // nothing has come
		return p
	default:
		p = place{at: sinkAwaits, partition: -1}
	}
	p.unknown, p.fills = true, false
	return p
}

// placeOf finds where the oldest change of some partitions is; known is true if any of them says.
func placeOf(parts []*sinkv1.PartitionProgress) (p place, known bool) {
	p.partition = -1
	for _, part := range parts {
		var at adminv1.HeldAt
		switch part.Waiting {
		case sinkv1.PartitionProgress_WAITING_UNSPECIFIED:
			continue
		case sinkv1.PartitionProgress_WAITING_IN_KAFKA:
			at = sinkAwaits
		case sinkv1.PartitionProgress_WAITING_IN_BATCH, sinkv1.PartitionProgress_WAITING_FOR_CLUSTER:
			at = sinkHolds
		}
		known = true
		if at == 0 {
			continue
		}
		p.behind++
		if oldest := part.GetOldestWaitingTime().AsTime(); p.at == 0 || oldest.Before(p.oldest) {
			p.at, p.oldest, p.partition, p.mark.offset = at, oldest, part.Partition, part.Committed
			p.fills = part.Waiting == sinkv1.PartitionProgress_WAITING_IN_BATCH
		}
	}
	p.parts = len(parts)
	return p, known
}
