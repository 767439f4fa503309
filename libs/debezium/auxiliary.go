package debezium

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"

	"github.com/calypso-cdc/calypso/libs/record"
)

// Auxiliary writes the records of a connector that belong to no table: heartbeats, transaction metadata and logical
// decoding messages. It is used by one goroutine at a time.
type Auxiliary struct {
	cfg    *Config
	p      pipeline
	source sourceBlock // of messages, which name no table

	heartbeatKey, heartbeatValue     *record.Schema
	transactionKey, transactionValue *record.Schema
	messageKey, messageValue         *record.Schema
}

// LogicalMessage is what pg_logical_emit_message wrote.
type LogicalMessage struct {
	Prefix  string
	Content []byte
	// Source has no transaction id if the message was not transactional.
	Source      Source
	Transaction *Transaction
	// Now is the connector's clock in nanoseconds since the Unix epoch.
	Now int64
}

// CollectionCount is how many change events of one table a transaction had.
type CollectionCount struct {
	// Collection is schema.table.
	Collection string
	Events     int64
}

// NewAuxiliary compiles the writers.
func NewAuxiliary(cfg *Config) *Auxiliary {
	text, optionalText := record.Of(record.String), record.OptionalOf(record.String)
	number, optionalNumber := record.Of(record.Int64), record.OptionalOf(record.Int64)
	common := func(name string, version int, fields ...record.Field) *record.Schema {
		return &record.Schema{Type: record.Struct, Name: name, Version: version, Fields: fields}
	}
	count := common("event.collection", 1, field("data_collection", text), field("event_count", number))
	counts := record.ArrayOf(count.AsOptional(true))
	content := &record.Schema{Type: record.Bytes, Optional: true}
	if cfg.Binary != BinaryBytes && cfg.Binary != "" {
		content.Type = record.String
	}
	message := common("io.debezium.connector.postgresql.Message", 1, field("prefix", optionalText),
		field("content", content))
	return &Auxiliary{
		cfg: cfg, p: pipeline{cfg: cfg}, source: newSourceBlock(cfg, "", "", decoded),
		heartbeatKey:   common("io.debezium.connector.common.ServerNameKey", 1, field("serverName", text)),
		heartbeatValue: common("io.debezium.connector.common.Heartbeat", 1, field("ts_ms", number)),
		transactionKey: common("io.debezium.connector.common.TransactionMetadataKey", 1, field("id", text)),
		transactionValue: common("io.debezium.connector.common.TransactionMetadataValue", 1, field("status", text),
			field("id", text),
			field("event_count", optionalNumber), field("data_collections", counts.AsOptional(true)), field("ts_ms", number)),
		messageKey: common("io.debezium.connector.postgresql.MessageKey", 1, field("prefix", optionalText)),
		messageValue: common("io.debezium.connector.postgresql.MessageValue", 1, field("op", text),
			field("ts_ms", optionalNumber),
			field("source", sourceSchema()), field("transaction", transactionSchema()), field("message", message)),
	}
}

func (a *Auxiliary) append(b *Batch, topic string, ks *record.Schema, key any, vs *record.Schema, value any) error {
	r := &record.Record{Topic: topic, Partition: -1, Offset: -1, KeySchema: ks, Key: key, ValueSchema: vs, Value: value}
	return a.p.append(b, r)
}

// AppendHeartbeat appends a heartbeat of the given time in nanoseconds since the Unix epoch, for partition 0.
func (a *Auxiliary) AppendHeartbeat(b *Batch, now int64) error {
	key := structOf(a.heartbeatKey, a.cfg.Prefix)
	value := structOf(a.heartbeatValue, floorDiv(now, 1e6))
	r := &record.Record{Topic: a.cfg.HeartbeatTopicName(), Partition: 0, Offset: -1, KeySchema: a.heartbeatKey, Key: key,
		ValueSchema: a.heartbeatValue, Value: value}
	return a.p.append(b, r)
}

// AppendBegin appends the record that a transaction began. commitTime is in microseconds since the Unix epoch.
func (a *Auxiliary) AppendBegin(b *Batch, xid, lsn uint64, commitTime int64) error {
	return a.appendBoundary(b, "BEGIN", transactionID(xid, lsn), nil, nil, commitTime)
}

// AppendEnd appends the record that a transaction ended, with the counts of its events, which are
// given in the order in which its tables came first and are written in that of Debezium's hash map.
func (a *Auxiliary) AppendEnd(b *Batch, xid, lsn uint64, commitTime int64, counts []CollectionCount) error {
	total := int64(0)
	item := a.transactionValue.Fields[a.transactionValue.Index("data_collections")].Schema.Items
	list := make([]any, 0, len(counts))
	for _, c := range hashMapOrder(counts, func(c CollectionCount) string { return c.Collection }) {
		total += c.Events
		list = append(list, structOf(item, c.Collection, c.Events))
	}
	return a.appendBoundary(b, "END", transactionID(xid, lsn), total, list, commitTime)
}

// hashMapOrder sorts as java.util.HashMap does that was filled in the given order: by bucket.
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

func (a *Auxiliary) appendBoundary(b *Batch, status, id string, count, collections any, commitTime int64) error {
	value := structOf(a.transactionValue, status, id, count, collections, floorDiv(commitTime, 1000))
	if err := a.append(b, a.cfg.TransactionTopicName(), a.transactionKey, structOf(a.transactionKey, id),
		a.transactionValue, value); err != nil {
		return fmt.Errorf("write the %s of transaction %s: %w", status, id, err)
	}
	return nil
}

// transactionID is Debezium's id of a transaction at a position in it.
func transactionID(xid, lsn uint64) string {
	return strconv.FormatUint(xid, 10) + ":" + strconv.FormatUint(lsn, 10)
}

// WantsMessage reports whether logical messages of this prefix are to be sent.
func (c *Config) WantsMessage(prefix string) bool {
	if c.Skipped.Has(Message) {
		return false
	}
	if len(c.MessageInclude) > 0 {
		return c.MessageInclude.Match(prefix)
	}
	return !c.MessageExclude.Match(prefix)
}

// AppendMessage appends a logical decoding message, if its prefix is wanted. It reports whether it did.
func (a *Auxiliary) AppendMessage(b *Batch, m *LogicalMessage) (bool, error) {
	if !a.cfg.WantsMessage(m.Prefix) {
		return false, nil
	}
	sourceField := a.messageValue.Fields[a.messageValue.Index("source")].Schema
	src := a.source.append(nil, &m.Source)
	source, err := record.DecodeJSONValue(sourceField, src[len(`"source":`):])
	if err != nil {
		return false, fmt.Errorf("write the logical message with prefix %q: %w", m.Prefix, err)
	}
	var tx any
	if t := m.Transaction; t != nil {
		tx = structOf(a.messageValue.Fields[a.messageValue.Index("transaction")].Schema, t.ID, t.TotalOrder,
			t.CollectionOrder)
	}
	message := structOf(a.messageValue.Fields[a.messageValue.Index("message")].Schema, m.Prefix,
		a.cfg.binaryValue(m.Content))
	value := structOf(a.messageValue, "m", floorDiv(m.Now, 1e6), source, tx, message)
	if err := a.append(b, a.cfg.MessageTopicName(), a.messageKey, structOf(a.messageKey, m.Prefix), a.messageValue,
		value); err != nil {
		return false, fmt.Errorf("write the logical message with prefix %q: %w", m.Prefix, err)
	}
	return true, nil
}
