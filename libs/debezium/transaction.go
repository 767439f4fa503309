package debezium

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"

	"github.com/calypso-cdc/calypso/libs/record"
)

// TransactionEncoder writes the records for the beginning and end of transactions
// (provide.transaction.metadata). It is used by one goroutine at a time.
type TransactionEncoder struct {
	w          Writer
	topic      string
	key, value *record.Schema
}

// CollectionCount is how many change events of one table a transaction had.
type CollectionCount struct {
	// Collection is schema.table.
	Collection string
	Events     int64
}

// NewTransactionEncoder makes the encoder.
func NewTransactionEncoder(cfg *Config) *TransactionEncoder {
	text, number := record.Of(record.String), record.Of(record.Int64)
	count := structSchema("event.collection", 1, field("data_collection", text), field("event_count", number))
	counts := record.ArrayOf(count.AsOptional(true))
	return &TransactionEncoder{w: writerOf(cfg), topic: cfg.TransactionTopicName(),
		key: structSchema("io.debezium.connector.common.TransactionMetadataKey", 1, field("id", text)),
		value: structSchema("io.debezium.connector.common.TransactionMetadataValue", 1, field("status", text),
			field("id", text), field("event_count", record.OptionalOf(record.Int64)),
			field("data_collections", counts.AsOptional(true)), field("ts_ms", number)),
	}
}

// AppendBegin appends the record for the beginning of a transaction. commitTime is in microseconds
// since the Unix epoch.
func (e *TransactionEncoder) AppendBegin(b *Batch, xid, lsn uint64, commitTime int64) error {
	return e.append(b, "BEGIN", transactionID(xid, lsn), nil, nil, commitTime)
}

// AppendEnd appends the record for the end of a transaction, with the counts of its events. counts
// must be in the order in which the tables first occurred; they are written in the order of
// Debezium's hash map.
func (e *TransactionEncoder) AppendEnd(b *Batch, xid, lsn uint64, commitTime int64, counts []CollectionCount) error {
	total := int64(0)
	item := e.value.Fields[e.value.Index("data_collections")].Schema.Items
	list := make([]any, 0, len(counts))
	for _, c := range hashMapOrder(counts, func(c CollectionCount) string { return c.Collection }) {
		total += c.Events
		list = append(list, structOf(item, c.Collection, c.Events))
	}
	return e.append(b, "END", transactionID(xid, lsn), total, list, commitTime)
}

func (e *TransactionEncoder) append(b *Batch, status, id string, count, collections any, commitTime int64) error {
	err := e.w.Append(b, newRecord(e.topic, structOf(e.key, id),
		structOf(e.value, status, id, count, collections, floorDiv(commitTime, 1000))))
	if err != nil {
		return fmt.Errorf("write the %s of transaction %s: %w", status, id, err)
	}
	return nil
}

// transactionID returns Debezium's id of a transaction at a position in it.
func transactionID(xid, lsn uint64) string {
	return strconv.FormatUint(xid, 10) + ":" + strconv.FormatUint(lsn, 10)
}

// hashMapOrder sorts as a java.util.HashMap that was filled in the given order iterates: by bucket.
func hashMapOrder[T any](all []T, key func(T) string) []T {
	buckets := uint32(16)
	for len(all) > int(buckets/4*3) {
		buckets *= 2
	}
	bucket := func(item T) uint32 {
		hash := uint32(0)
		for _, unit := range utf16.Encode([]rune(key(item))) {
			hash = 31*hash + uint32(unit)
		}
		return (hash ^ hash>>16) % buckets
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b T) int { return cmp.Compare(bucket(a), bucket(b)) })
	return all
}
