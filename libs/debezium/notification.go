package debezium

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/record"
)

// Notification reports the progress of a snapshot to readers of the topic
// notification.sink.topic.name.
type Notification struct {
	// ID identifies the snapshot: it is the signal's id, or one made for the notification.
	ID string
	// Aggregate is InitialSnapshot or IncrementalSnapshot, Type what has happened.
	Aggregate, Type string
	// Data holds details; names that are not in notificationData are left out.
	Data map[string]string
	// Time is the connector's clock in milliseconds since the Unix epoch.
	Time int64
}

// Aggregates of notifications.
const (
	InitialSnapshot     = "Initial Snapshot"
	IncrementalSnapshot = "Incremental Snapshot"
)

// notificationData lists the names in a notification's data, in the order of Debezium's hash maps.
var notificationData = []string{"scanned_collection", "current_collection_in_progress", "connector_name",
	"total_rows_scanned", "maximum_key", "last_processed_key", "data_collections", "status"}

var (
	notificationKey = structSchema("io.debezium.connector.common.NotificationKey", 1,
		field("id", record.Of(record.String)))
	notificationValue = structSchema("io.debezium.connector.common.Notification", 1,
		field("id", record.Of(record.String)), field("type", record.Of(record.String)),
		field("aggregate_type", record.Of(record.String)),
		field("additional_data", &record.Schema{Type: record.MapType, Optional: true, Keys: record.Of(record.String),
			Values: record.Of(record.String)}), field("timestamp", record.Of(record.Int64)))
)

// NotificationEncoder writes notifications. It is used by one goroutine at a time.
type NotificationEncoder struct{ w Writer }

// NewNotificationEncoder makes the encoder.
func NewNotificationEncoder(cfg *Config) *NotificationEncoder {
	return &NotificationEncoder{writerOf(cfg)}
}

// Append appends a notification for a topic.
func (e *NotificationEncoder) Append(b *Batch, topic string, n *Notification) error {
	data := record.Map{}
	for _, name := range notificationData {
		if value, there := n.Data[name]; there {
			data = append(data, record.Entry{Key: name, Value: value})
		}
	}
	err := e.w.Append(b, newRecord(topic, structOf(notificationKey, n.ID),
		structOf(notificationValue, n.ID, n.Type, n.Aggregate, data, n.Time)))
	if err != nil {
		return fmt.Errorf("write the notification %s of %s %s: %w", n.Type, n.Aggregate, n.ID, err)
	}
	return nil
}

// HashSetOrder sorts names as a java.util.HashSet that was filled in the given order iterates over
// them.
func HashSetOrder(names []string) []string {
	return hashMapOrder(names, func(name string) string { return name })
}
