package debezium

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/record"
)

// MessageEncoder writes logical decoding messages. It is used by one goroutine at a time.
type MessageEncoder struct {
	w          Writer
	cfg        *Config
	source     *record.StructValue // a template that names no table
	template   template
	key, value *record.Schema
}

// LogicalMessage is a message that pg_logical_emit_message wrote.
type LogicalMessage struct {
	Prefix  string
	Content []byte
	// Source has no transaction id if the message was not transactional.
	Source      Source
	Transaction *Transaction
	// Now is the connector's clock in nanoseconds since the Unix epoch.
	Now int64
}

// NewMessageEncoder makes the encoder.
func NewMessageEncoder(cfg *Config) *MessageEncoder {
	prefix := field("prefix", record.OptionalOf(record.String))
	content := &record.Schema{Type: record.Bytes, Optional: true}
	if cfg.Binary != BinaryBytes && cfg.Binary != "" {
		content.Type = record.String
	}
	e := &MessageEncoder{w: writerOf(cfg), cfg: cfg,
		key: structSchema("io.debezium.connector.postgresql.MessageKey", 1, prefix),
		value: structSchema("io.debezium.connector.postgresql.MessageValue", 1, field("op", record.Of(record.String)),
			field("ts_ms", record.OptionalOf(record.Int64)), field("source", sourceSchema()),
			field("transaction", transactionSchema()),
			field("message", structSchema("io.debezium.connector.postgresql.Message", 1, prefix,
				field("content", content)))),
	}
	e.source = e.template.source(e.block("source"), cfg, "", "")
	return e
}

// block returns the schema of a field of the value.
func (e *MessageEncoder) block(name string) *record.Schema {
	return e.value.Fields[e.value.Index(name)].Schema
}

// WantsMessage reports whether logical messages with this prefix are sent.
func (c *Config) WantsMessage(prefix string) bool {
	if c.Skipped.Has(Message) {
		return false
	}
	if len(c.MessageInclude) > 0 {
		return c.MessageInclude.Match(prefix)
	}
	return !c.MessageExclude.Match(prefix)
}

// Append appends a logical decoding message if its prefix is wanted, and reports whether it did.
func (e *MessageEncoder) Append(b *Batch, m *LogicalMessage) (bool, error) {
	if !e.cfg.WantsMessage(m.Prefix) {
		return false, nil
	}
	if err := e.append(b, m); err != nil {
		return false, fmt.Errorf("write the logical message with prefix %q: %w", m.Prefix, err)
	}
	return true, nil
}

func (e *MessageEncoder) append(b *Batch, m *LogicalMessage) error {
	source, err := e.template.fill(e.source, &change{event: &Event{Source: m.Source}})
	if err != nil {
		return err
	}
	var tx any
	if t := m.Transaction; t != nil {
		tx = structOf(e.block("transaction"), t.ID, t.TotalOrder, t.CollectionOrder)
	}
	message := structOf(e.block("message"), m.Prefix, e.cfg.binaryValue(m.Content))
	return e.w.Append(b, newRecord(e.cfg.MessageTopicName(), structOf(e.key, m.Prefix),
		structOf(e.value, "m", floorDiv(m.Now, 1e6), source, tx, message)))
}
