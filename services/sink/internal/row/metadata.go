package row

import "slices"

// metadataSchemas are the schemas of Debezium's events that are about no table's row.
var metadataSchemas = []string{"io.debezium.connector.postgresql.MessageValue",
	"io.debezium.connector.common.Heartbeat", "io.debezium.connector.common.TransactionMetadataValue"}

// isMetadata reports whether an object without a schema has the form of such an event: a logical
// message, a heartbeat, or the beginning or end of a transaction.
func isMetadata(object []byte) bool {
	var names []string
	begin := skipSpace(object, 0)
	if begin >= len(object) || object[begin] != '{' {
		return false
	}
	for i := begin + 1; ; {
		key, _, next := member(object, i)
		if next < 0 {
			return false
		}
		if key == nil {
			break
		}
		names, i = append(names, string(key)), next
	}
	has := func(wanted ...string) bool {
		return !slices.ContainsFunc(wanted, func(name string) bool { return !slices.Contains(names, name) })
	}
	switch {
	case string(find(object, "op")) == `"m"`:
		return has("source", "message")
	case len(names) == 1:
		return has("ts_ms")
	}
	return has("status", "id", "event_count", "data_collections")
}
