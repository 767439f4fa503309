package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// topicView is what was read of a topic; the zero value is that of a topic of which nothing was
// read.
type topicView struct {
	id kadm.TopicID
	// from is the next offset to read, by partition.
	from   map[int32]int64
	owners map[string]map[string]*kept // by connector and key
	open   map[producing]*transaction
}

// kept is the last committed record of a key; its value is nil if the key was removed.
type kept struct {
	partition int32
	offset    int64
	at        time.Time
	value     []byte
}

// producing is a transactional producer in one partition, where it has at most one open transaction.
type producing struct {
	partition int32
	producer  int64
}

// transaction is a transaction that was neither committed nor rolled back when it was read; decided
// is set once it is.
type transaction struct {
	by      producing
	records []*kgo.Record
	decided bool
}

// take adds the next record of a partition.
func (v *topicView) take(r *kgo.Record) {
	v.from[r.Partition] = r.Offset + 1
	by := producing{r.Partition, r.ProducerID}
	switch {
	case r.Attrs.IsControl():
		open := v.open[by]
		if open == nil || len(r.Key) < 4 {
			return
		}
		delete(v.open, by)
		open.decided = true
		const commit = 1 // Kafka's ControlRecordType, after a version of two bytes
		if binary.BigEndian.Uint16(r.Key[2:]) == commit {
			for _, written := range open.records {
				v.commit(written)
			}
		}
	case r.Attrs.IsTransactional():
		open := v.open[by]
		if open == nil {
			open = &transaction{by: by}
			v.open[by] = open
		}
		open.records = append(open.records, r)
	default:
		v.commit(r)
	}
}

// commit keeps a committed record. A key normally stays in one partition; if something else wrote
// it to another one, the latest timestamp counts.
func (v *topicView) commit(r *kgo.Record) {
	owner := ownerOf(r.Key)
	if owner == "" {
		return
	}
	records := v.owners[owner]
	if records == nil {
		records = map[string]*kept{}
		v.owners[owner] = records
	}
	known := records[string(r.Key)]
	if known == nil {
		known = &kept{partition: r.Partition}
		records[string(r.Key)] = known
	}
	if known.partition != r.Partition && r.Timestamp.Before(known.at) {
		return
	}
	known.partition, known.offset, known.at = r.Partition, r.Offset, r.Timestamp
	if r.Value == nil {
		known.value = nil
		return
	}
	known.value = append(known.value[:0], r.Value...) // a copy, since r.Value is part of all that came with it
	if known.value == nil {
		known.value = []byte{}
	}
}

// ownerOf is the name of the connector that a key begins with; empty if the key has another form.
func ownerOf(key []byte) string {
	if rest, ok := bytes.CutPrefix(key, []byte(`["`)); ok {
		if name, _, ok := bytes.Cut(rest, []byte(`"`)); ok && bytes.IndexByte(name, '\\') < 0 {
			return string(name)
		}
	}
	var parts []json.RawMessage
	var name string
	if json.Unmarshal(key, &parts) != nil || len(parts) == 0 || json.Unmarshal(parts[0], &name) != nil {
		return ""
	}
	return name
}

// after orders records by when they were written.
func (k kept) after(other kept) int {
	if k.partition == other.partition {
		return cmp.Compare(k.offset, other.offset)
	}
	return k.at.Compare(other.at)
}
