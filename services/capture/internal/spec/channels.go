package spec

import (
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// Signals say where signals come from, and how the incremental snapshots that they ask for are read.
type Signals struct {
	// Table is the signal table, schema.table; empty if there is none.
	Table string
	// Topic is that of the channel kafka; empty without it.
	Topic string
	// ChunkRows is how many rows a chunk has.
	ChunkRows int
	// Watermarks is how a chunk is marked in the signal table.
	Watermarks Watermarks
	// ReadOnly forbids to write to the database, so that nothing is marked there.
	ReadOnly bool
}

// Watermarks is incremental.snapshot.watermarking.strategy.
type Watermarks string

const (
	InsertInsert Watermarks = "insert_insert"
	// InsertDelete removes the first mark, so that the signal table stays empty.
	InsertDelete Watermarks = "insert_delete"
)

// Notifications say where the progress of snapshots is told.
type Notifications struct {
	Log bool
	// Topic is empty where no topic is told.
	Topic string
}

// parseSignals reads how signals come; prefix is that of topics, table the signal table.
func parseSignals(v catalogue.Values, prefix, table string) (Signals, error) {
	s := Signals{
		Table: table, ChunkRows: v.Int("incremental.snapshot.chunk.size"), ReadOnly: v.Bool("read.only"),
		Watermarks: Watermarks(word(v, "incremental.snapshot.watermarking.strategy")),
	}
	const key = "signal.enabled.channels"
	for _, channel := range v.List(key) {
		switch channel {
		case "source":
		case "kafka":
			if s.Topic = v.String("signal.kafka.topic"); s.Topic == "" {
				s.Topic = prefix + "-signal"
			}
		default:
			return s, catalogue.Problemf(key, "%s: %q is not supported; source and kafka are", key, channel)
		}
	}
	return s, nil
}

func parseNotifications(v catalogue.Values) (Notifications, error) {
	var n Notifications
	const key, topic = "notification.enabled.channels", "notification.sink.topic.name"
	for _, channel := range v.List(key) {
		switch channel {
		case "log":
			n.Log = true
		case "sink":
			if n.Topic = v.String(topic); n.Topic == "" {
				return n, catalogue.Problemf(topic, "%s is missing: the channel sink of %s writes to it", topic, key)
			}
		default:
			return n, catalogue.Problemf(key,
				"%s: %q is not supported; sink and log are, and CaptureService and the metrics show the progress of snapshots", key,
				channel)
		}
	}
	return n, nil
}
