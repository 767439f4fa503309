package capture

import "github.com/calypso-cdc/calypso/libs/connector/catalogue"

// replicationKeys declare slot, publication and stream. Names, types, defaults, groups and importance are Debezium's.
func replicationKeys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "plugin.name", Type: catalogue.String, Default: catalogue.Default("decoderbufs"), Allowed: []string{"pgoutput", "decoderbufs", "wal2json", "wal2json_rds", "wal2json_streaming", "wal2json_rds_streaming"}, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Middle, DisplayName: "Plugin",
			Doc: "Output plugin: pgoutput, decoderbufs, or wal2json (also wal2json_rds, wal2json_streaming, wal2json_rds_streaming). Without the key, and where the server does not have the plugin, pgoutput is taken, which every server has; the events are the same, but decoderbufs sends no truncates and no logical messages."},
		{Name: "slot.name", Type: catalogue.String, Default: catalogue.Default("debezium"), Check: slotName, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Middle, DisplayName: "Slot",
			Doc: "Replication slot: lower-case letters, digits and underscores, at most 63. Each connector needs one of its own. It is created with the first start."},
		{Name: "publication.name", Type: catalogue.String, Default: catalogue.Default("dbz_publication"), Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Middle, DisplayName: "Publication",
			Doc: "Publication that the pgoutput plugin reads."},
		{Name: "publication.autocreate.mode", Type: catalogue.String, Default: catalogue.Default("all_tables"), Allowed: []string{"all_tables", "filtered", "no_tables", "disabled"}, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Middle, DisplayName: "Publication Auto Create Mode",
			Doc: "What may be done about the publication: all_tables creates a missing one FOR ALL TABLES (falling back to filtered where the role may not), filtered creates it for the captured tables and adds missing ones, no_tables creates an empty one, disabled demands that it exists."},
		{Name: "replica.identity.autoset.values", Type: catalogue.String, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Wide, DisplayName: "Replica Identity Auto Set Values",
			Doc: "Replica identities to set at the start: schema.table:FULL|DEFAULT|NOTHING|INDEX name, separated by commas; tables are regular expressions."},
		{Name: "slot.drop.on.stop", Type: catalogue.Boolean, Default: catalogue.Default("false"), Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_REPLICATION", DisplayName: "Drop slot on stop",
			Doc: "Whether the slot is dropped when the connector stops in order. What changes meanwhile is then lost: for tests only."},
		{Name: "slot.failover", Type: catalogue.Boolean, Default: catalogue.Default("false"), Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_REPLICATION", DisplayName: "Create failover slot",
			Doc: "Whether a slot that is created is synchronised to standbys (PostgreSQL 17 and later; without effect before)."},
		{Name: "slot.stream.params", Type: catalogue.String, Importance: catalogue.Low, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Wide, DisplayName: "Optional parameters to pass to the logical decoder when the stream is started.",
			Doc: "Further options for the output plugin: name=value, separated by semicolons."},
		{Name: "slot.max.retries", Type: catalogue.Int, Default: catalogue.Default("6"), Importance: catalogue.Low, Group: "CONNECTION_ADVANCED_REPLICATION", DisplayName: "Retry count",
			Doc: "With slot.retry.delay.ms: a slot that another process holds is waited for this many times that long before the task fails."},
		{Name: "slot.retry.delay.ms", Type: catalogue.Long, Default: catalogue.Default("10000"), Importance: catalogue.Low, Group: "CONNECTION_ADVANCED_REPLICATION", DisplayName: "Retry delay",
			Doc: "Longest time in milliseconds between two attempts to take a slot that another process holds."},
		{Name: "status.update.interval.ms", Type: catalogue.Int, Default: catalogue.Default("10000"), Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Short, DisplayName: "Status update interval (ms)",
			Doc: "Longest time in milliseconds between two status messages to the server; it is shortened to a third of the server's wal_sender_timeout."},
		{Name: "lsn.flush.timeout.ms", Type: catalogue.Long, Default: catalogue.Default("30000"), Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Short, DisplayName: "LSN flush timeout (ms)",
			Doc:         "Time limit for a confirmation.",
			Unsupported: "Confirmations are messages of their own goroutine and cannot block the stream."},
		{Name: "lsn.flush.timeout.action", Type: catalogue.String, Default: catalogue.Default("fail"), Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Middle, DisplayName: "LSN flush timeout action",
			Doc:         "What follows a confirmation's timeout.",
			Unsupported: "Confirmations are messages of their own goroutine and cannot block the stream."},
		{Name: "xmin.fetch.interval.ms", Type: catalogue.Long, Default: catalogue.Default("0"), Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Short, DisplayName: "Xmin fetch interval (ms)",
			Doc:         "How often in milliseconds source.xmin is refreshed.",
			Unsupported: "source.xmin stays null, as with the default 0.", ChangesData: true},
		{Name: "offset.mismatch.strategy", Type: catalogue.String, Default: catalogue.Default("no_validation"), Allowed: []string{"no_validation", "trust_offset", "trust_slot", "trust_greater_lsn"}, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Short, DisplayName: "Offset mismatch strategy",
			Doc: "What happens when slot and last position differ: no_validation and trust_offset stop if the slot is ahead, trust_slot goes on at the slot and accepts the gap, trust_greater_lsn goes on at the later of both."},
		{Name: "internal.create.slot.command.timeout", Type: catalogue.Long, Default: catalogue.Default("90000"), Importance: catalogue.Low, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Short, DisplayName: "Slot creation timeout",
			Doc: "Longest time in milliseconds to wait for the creation of the slot, which waits for running transactions."},
		{Name: "internal.slot.seek.to.known.offset.on.start", Type: catalogue.Boolean, Default: catalogue.Default("false"), Importance: catalogue.Low, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Short, DisplayName: "Seek to known offset",
			Doc:         "Older form of offset.mismatch.strategy.",
			Unsupported: "The stream always starts at the known position."},
		{Name: "replication.protocol", Type: catalogue.Int, Default: catalogue.Default("1"), Check: protocol, Importance: catalogue.Low, Group: "CONNECTION_ADVANCED_REPLICATION", Width: catalogue.Short, DisplayName: "Replication protocol",
			Doc: "Version of pgoutput's protocol: 1, or 2 to 4 to receive large transactions while they run (PostgreSQL 14, 15, 16), which spares the server's disk. Lowered to what the server knows."},
	}
}
