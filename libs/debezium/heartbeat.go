package debezium

import "github.com/calypso-cdc/calypso/libs/record"

// HeartbeatEncoder writes heartbeats. It is used by one goroutine at a time.
type HeartbeatEncoder struct {
	w          Writer
	cfg        *Config
	key, value *record.Schema
}

// NewHeartbeatEncoder makes the encoder.
func NewHeartbeatEncoder(cfg *Config) *HeartbeatEncoder {
	return &HeartbeatEncoder{w: writerOf(cfg), cfg: cfg,
		key: structSchema("io.debezium.connector.common.ServerNameKey", 1,
			field("serverName", record.Of(record.String))),
		value: structSchema("io.debezium.connector.common.Heartbeat", 1, field("ts_ms", record.Of(record.Int64))),
	}
}

// Append appends a heartbeat for partition 0. now is in nanoseconds since the Unix epoch.
func (e *HeartbeatEncoder) Append(b *Batch, now int64) error {
	r := newRecord(e.cfg.HeartbeatTopicName(), structOf(e.key, e.cfg.Prefix), structOf(e.value, floorDiv(now, 1e6)))
	r.Partition = 0
	return e.w.Append(b, r)
}
