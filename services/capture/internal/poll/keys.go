package poll

import (
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
)

// newCatalogue declares the keys of a polling connector: Confluent's, and those of the connection that captures have.
func newCatalogue() (*catalogue.Catalogue, error) {
	const database, mode, connectorGroup = "Database", "Mode", "Connector"
	keys := []catalogue.Key{
		{Name: "connection.url", Type: catalogue.String, Required: true, Check: jdbcURL, Importance: catalogue.High, Group: database, Width: catalogue.Wide, DisplayName: "JDBC URL",
			Doc: "jdbc:postgresql://host:port/database, or postgresql://…, with parameters such as ?sslmode=require&sslrootcert=/ca.pem. Several hosts are separated by commas: the first that accepts writes is taken."},
		{Name: "connection.user", Type: catalogue.String, Importance: catalogue.High, Group: database, Width: catalogue.Middle, DisplayName: "JDBC User", Doc: "Role to connect as; it needs SELECT on the polled tables. Else the URL's user."},
		{Name: "connection.password", Type: catalogue.Password, Importance: catalogue.High, Group: database, Width: catalogue.Short, DisplayName: "JDBC Password", Doc: "Password of the role."},
		{Name: "connection.attempts", Type: catalogue.Int, Default: catalogue.Default("3"), Importance: catalogue.Low, Group: database, Width: catalogue.Short, DisplayName: "JDBC connection attempts", Doc: "Attempts to connect.",
			Unsupported: "What waiting can mend is tried for ever, or errors.max.retries times."},
		{Name: "connection.backoff.ms", Type: catalogue.Long, Default: catalogue.Default("10000"), Importance: catalogue.Low, Group: database, Width: catalogue.Short, DisplayName: "JDBC connection backoff", Doc: "Longest time in milliseconds between two attempts."},
		{Name: "catalog.pattern", Type: catalogue.String, Importance: catalogue.Medium, Group: database, Width: catalogue.Short, DisplayName: "Catalog pattern", Doc: "Pattern of catalogs.", Unsupported: "A connection sees one database: that of connection.url."},
		{Name: "schema.pattern", Type: catalogue.String, Importance: catalogue.High, Group: database, Width: catalogue.Short, DisplayName: "Schema pattern", Doc: "SQL pattern (% and _) of the schemas to poll; all but those of the system if empty."},
		{Name: "table.whitelist", Type: catalogue.List, Importance: catalogue.Medium, Group: database, Width: catalogue.Wide, DisplayName: "Table Whitelist", Doc: "Tables to poll, as table or schema.table, separated by commas."},
		{Name: "table.blacklist", Type: catalogue.List, Importance: catalogue.Medium, Group: database, Width: catalogue.Wide, DisplayName: "Table Blacklist", Doc: "Tables not to poll."},
		{Name: "table.include.list", Type: catalogue.List, Importance: catalogue.Medium, Group: database, Width: catalogue.Wide, DisplayName: "Table Include List", Doc: "Regular expressions of the tables to poll, as schema.table."},
		{Name: "table.exclude.list", Type: catalogue.List, Importance: catalogue.Medium, Group: database, Width: catalogue.Wide, DisplayName: "Table Exclude List", Doc: "Regular expressions of the tables not to poll."},
		{Name: "table.types", Type: catalogue.List, Default: catalogue.Default("TABLE"), Importance: catalogue.Low, Group: connectorGroup, Width: catalogue.Middle, DisplayName: "Table Types", Doc: "Kinds of relations to poll.", Unsupported: "Tables are polled; set query to poll a view.", ChangesData: true},
		{Name: "numeric.precision.mapping", Type: catalogue.Boolean, Default: catalogue.Default("false"), Importance: catalogue.Low, Group: database, Width: catalogue.Short, DisplayName: "Map Numeric Values By Precision", Doc: "Older form of numeric.mapping.", Unsupported: "Set numeric.mapping=precision_only.", ChangesData: true},
		{Name: "numeric.mapping", Type: catalogue.String, Default: catalogue.Default("none"), Allowed: []string{"none", "precision_only", "best_fit"}, Importance: catalogue.Low, Group: database, Width: catalogue.Short, DisplayName: "Map Numeric Values, Integral or Decimal, By Precision and Scale",
			Doc: "Form of numeric(p,s): none makes Connect's Decimal, precision_only integers of whole numbers up to 18 digits, best_fit also doubles of others up to 18 digits. numeric without precision is text, which is exact."},
		{Name: "dialect.name", Type: catalogue.String, Default: catalogue.Default(""), Allowed: []string{"", "PostgreSqlDatabaseDialect"}, Importance: catalogue.Low, Group: database, Width: catalogue.Wide, DisplayName: "Database Dialect", Doc: "PostgreSQL is the only one."},
		{Name: "mode", Type: catalogue.String, Required: true, Allowed: []string{string(bulk), string(incrementing), string(timestamp), string(timestampIncrementing)}, Importance: catalogue.High, Group: mode, Width: catalogue.Middle, DisplayName: "Table Loading Mode",
			Doc: "bulk reads all rows each time, incrementing those with a greater incrementing.column.name, timestamp those with a later timestamp.column.name, timestamp+incrementing those greater in both. Deletes are never seen, and updates only by their timestamp."},
		{Name: "incrementing.column.name", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.Medium, Group: mode, Width: catalogue.Middle, DisplayName: "Incrementing Column Name", Doc: "Column of numbers that only grow. If empty, the only column with a sequence."},
		{Name: "incrementing.initial", Type: catalogue.Long, Default: catalogue.Default("-1"), Importance: catalogue.Low, Group: mode, Width: catalogue.Short, DisplayName: "Incrementing Column Initial Value", Doc: "The first poll begins after this number."},
		{Name: "timestamp.column.name", Type: catalogue.List, Default: catalogue.Default(""), Importance: catalogue.Medium, Group: mode, Width: catalogue.Middle, DisplayName: "Timestamp Column Name", Doc: "Columns of timestamps: the first that is not NULL counts."},
		{Name: "timestamp.initial", Type: catalogue.Long, Importance: catalogue.Low, Group: mode, Width: catalogue.Middle, DisplayName: "Unix time value of initial timestamp", Doc: "The first poll begins after this time in milliseconds since 1970; with all rows if it is not set, and with those from now on if it is -1."},
		{Name: "validate.non.null", Type: catalogue.Boolean, Default: catalogue.Default("true"), Importance: catalogue.Low, Group: mode, Width: catalogue.Short, DisplayName: "Validate Non Null", Doc: "Whether the columns to poll by must be NOT NULL: rows with NULL there are never polled."},
		{Name: "query", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.Medium, Group: mode, Width: catalogue.Short, DisplayName: "Query", Doc: "SELECT to poll in place of tables. The condition on the columns of the mode is put around it."},
		{Name: "query.suffix", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.Low, Group: mode, Width: catalogue.Short, DisplayName: "Query suffix", Doc: "SQL to append to every query."},
		{Name: "quote.sql.identifiers", Type: catalogue.String, Default: catalogue.Default("ALWAYS"), Importance: catalogue.Medium, Group: mode, Width: catalogue.Middle, DisplayName: "Quote Identifiers", Doc: "Whether names are quoted.", Unsupported: "Names are always quoted."},
		{Name: "poll.interval.ms", Type: catalogue.Int, Default: catalogue.Default("5000"), Check: catalogue.AtLeast(1), Importance: catalogue.High, Group: connectorGroup, Width: catalogue.Short, DisplayName: "Poll Interval (ms)", Doc: "Time in milliseconds between two polls of a table."},
		{Name: "batch.max.rows", Type: catalogue.Int, Default: catalogue.Default("100"), Check: catalogue.AtLeast(1), Importance: catalogue.Low, Group: connectorGroup, Width: catalogue.Short, DisplayName: "Max Rows Per Batch", Doc: "Most rows in a Kafka transaction. The default stands for 20000: rows stream from the server, and no more than a batch of at most 8 MB is in memory."},
		{Name: "table.poll.interval.ms", Type: catalogue.Long, Default: catalogue.Default("60000"), Check: catalogue.AtLeast(1), Importance: catalogue.Low, Group: connectorGroup, Width: catalogue.Short, DisplayName: "Metadata Change Monitoring Interval (ms)", Doc: "How often in milliseconds new tables are looked for."},
		{Name: "topic.prefix", Type: catalogue.String, Required: true, Check: deliver.TopicPrefix, Importance: catalogue.High, Group: connectorGroup, Width: catalogue.Middle, DisplayName: "Topic Prefix", Doc: "Topics are named by it and the table's name; with query, by it alone."},
		{Name: "timestamp.delay.interval.ms", Type: catalogue.Long, Default: catalogue.Default("0"), Importance: catalogue.High, Group: connectorGroup, Width: catalogue.Middle, DisplayName: "Delay Interval (ms)",
			Doc: "How old in milliseconds a timestamp must be to be polled. It must be longer than the transactions that write: a row that is committed after a later one was polled is missed."},
		{Name: "db.timezone", Type: catalogue.String, Default: catalogue.Default("UTC"), Allowed: []string{"UTC"}, Importance: catalogue.Medium, Group: connectorGroup, Width: catalogue.Middle, DisplayName: "DB time zone", Doc: "Zone that timestamps without one are taken for."},
		{Name: "timestamp.granularity", Type: catalogue.String, Default: catalogue.Default("connect_logical"), Allowed: []string{"connect_logical", "micros_long", "nanos_long"}, Importance: catalogue.Low, Group: connectorGroup, Width: catalogue.Middle, DisplayName: "Timestamp granularity", Doc: "Form of timestamps: Connect's Timestamp (milliseconds), or numbers of microseconds or nanoseconds since 1970."},
		{Name: "transaction.isolation.mode", Type: catalogue.String, Default: catalogue.Default("DEFAULT"), Importance: catalogue.Low, Group: connectorGroup, Width: catalogue.Middle, DisplayName: "Transaction Isolation Mode", Doc: "Isolation of queries.", Unsupported: "A poll is one statement, which sees one state of the table."},
		{Name: "db.fetch.size", Type: catalogue.Int, Default: catalogue.Default("0"), Importance: catalogue.Low, Group: connectorGroup, Width: catalogue.Short, DisplayName: "Fetch size", Doc: "Rows to fetch at once.", Unsupported: "Rows stream from the server."},
		{Name: "errors.max.retries", Type: catalogue.Int, Default: catalogue.Default("-1"), Importance: catalogue.Low, Group: connectorGroup, Width: catalogue.Short, DisplayName: "Retries", Doc: "How often what waiting can mend is tried again; -1 for ever."},
	}
	return catalogue.New(catalogue.SourceFramework(), keys)
}
