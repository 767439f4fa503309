package row

// metadataSchemas are the schemas of Debezium's events that are about no table's row.
var metadataSchemas = []string{"io.debezium.connector.postgresql.MessageValue",
	"io.debezium.connector.common.Heartbeat", "io.debezium.connector.common.TransactionMetadataValue"}

// isMetadata reports whether an object without a schema has the form of such an event: a logical
// message, a heartbeat, or the beginning or end of a transaction.
func isMetadata(object []byte) bool {
	const (
		source = 1 << iota
		message
		time
		status
		id
		count
		collections

		end = status | id | count | collections
	)
	begin := skipSpace(object, 0)
	if begin >= len(object) || object[begin] != '{' {
		return false
	}
	members, has, isMessage := 0, 0, false
	for i := begin + 1; ; members++ {
		key, value, next := member(object, i)
		if next < 0 {
			return false
		}
		if key == nil {
			break
		}
		switch string(key) {
		case "before", "after":
			return false // a row's change, told apart early: there may be many
		case "op":
			isMessage = string(object[value:next]) == `"m"`
		case "source":
			has |= source
		case "message":
			has |= message
		case "ts_ms":
			has |= time
		case "status":
			has |= status
		case "id":
			has |= id
		case "event_count":
			has |= count
		case "data_collections":
			has |= collections
		}
		i = next
	}
	switch {
	case isMessage:
		return has&source != 0 && has&message != 0
	case members == 1:
		return has == time
	}
	return has&end == end
}
