package capture

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
)

// pollMode is how rows are found that were not delivered yet.
type pollMode string

const (
	pollBulk        pollMode = "bulk"         // all rows, each time
	pollIncrement   pollMode = "incrementing" // those with a greater number
	pollTimestamp   pollMode = "timestamp"    // those with a later time
	pollTimestampID pollMode = "timestamp+incrementing"
)

func (m pollMode) timestamps() bool { return m == pollTimestamp || m == pollTimestampID }
func (m pollMode) increments() bool { return m == pollIncrement || m == pollTimestampID }

// converter is how keys or values become bytes.
type converter = record.Converter

// pollSettings are a polling connector's configuration in the form that a task works with.
type pollSettings struct {
	settings *settings

	mode             pollMode
	query, suffix    string
	include, exclude []*regexp.Regexp // of schema.table, or of table alone
	schema           string
	incrementing     string
	timestamps       []string
	firstNumber      int64
	firstTime        *int64 // milliseconds since the Unix epoch; nil for all rows
	validate         bool
	interval         time.Duration
	tableInterval    time.Duration
	delay            time.Duration
	numeric          string // numeric.mapping
	granularity      string // timestamp.granularity
}

// newPollingCatalogue declares the keys of a polling connector: Confluent's, and those of the connection that captures have.
func newPollingCatalogue() (*catalogue.Catalogue, error) {
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
		{Name: "mode", Type: catalogue.String, Required: true, Allowed: []string{string(pollBulk), string(pollIncrement), string(pollTimestamp), string(pollTimestampID)}, Importance: catalogue.High, Group: mode, Width: catalogue.Middle, DisplayName: "Table Loading Mode",
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
		{Name: "topic.prefix", Type: catalogue.String, Required: true, Check: prefix, Importance: catalogue.High, Group: connectorGroup, Width: catalogue.Middle, DisplayName: "Topic Prefix", Doc: "Topics are named by it and the table's name; with query, by it alone."},
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

// jdbcBatchRows is the default of batch.max.rows, which configurations repeat without wanting small transactions.
const jdbcBatchRows = 100

func jdbcURL(value string) error {
	_, err := parseJDBC(value)
	return err
}

// parseJDBC reads a JDBC or libpq URL of PostgreSQL.
func parseJDBC(text string) (pgrepl.Config, error) {
	c := pgrepl.Config{ApplicationName: "calypso polling", KeepAlive: true}
	rest, ok := strings.CutPrefix(strings.TrimPrefix(text, "jdbc:"), "postgresql://")
	if !ok {
		return c, fmt.Errorf("it is not a URL of PostgreSQL: want jdbc:postgresql://host:port/database")
	}
	// Several hosts are not a URL by the book, so the host part is taken out before the rest is read.
	head, query, _ := strings.Cut(rest, "?")
	hosts, path, ok := strings.Cut(head, "/")
	database, err := url.PathUnescape(path)
	if !ok || database == "" || err != nil {
		return c, fmt.Errorf("it names no database: want jdbc:postgresql://host:port/database")
	}
	if at := strings.LastIndexByte(hosts, '@'); at >= 0 {
		user, password, _ := strings.Cut(hosts[:at], ":")
		c.User, _ = url.QueryUnescape(user)
		c.Password, _ = url.QueryUnescape(password)
		hosts = hosts[at+1:]
	}
	c.Host, c.Database = hosts, database
	set, err := url.ParseQuery(query)
	if err != nil {
		return c, fmt.Errorf("its parameters cannot be read: want ?name=value&name=value")
	}
	for name := range set {
		value := set.Get(name)
		switch name {
		case "user":
			c.User = value
		case "password":
			c.Password = value
		case "ssl":
			if value != "false" {
				c.SSLMode = "verify-full"
			}
		case "sslmode":
			c.SSLMode = value
		case "sslcert":
			c.SSLCert = value
		case "sslkey":
			c.SSLKey = value
		case "sslpassword":
			c.SSLPassword = value
		case "sslrootcert":
			c.SSLRootCert = value
		case "ApplicationName":
			c.ApplicationName = value
		}
	}
	if c.SSLMode != "" && !slices.Contains([]string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}, c.SSLMode) {
		return c, fmt.Errorf("sslmode=%s is not disable, allow, prefer, require, verify-ca or verify-full", c.SSLMode)
	}
	return c, nil
}

// parsePollSettings reads checked values. Its errors name the key.
func parsePollSettings(v catalogue.Values) (*pollSettings, error) {
	connection, err := parseJDBC(v.String("connection.url"))
	if err != nil {
		return nil, fmt.Errorf("connection.url: %w", err)
	}
	if user := v.String("connection.user"); user != "" {
		connection.User = user
	}
	if password := v.String("connection.password"); password != "" {
		connection.Password = password
	}
	s := &pollSettings{
		mode: pollMode(v.String("mode")), query: strings.TrimRight(strings.TrimSpace(v.String("query")), "; \n\t"), suffix: v.String("query.suffix"),
		incrementing: v.String("incrementing.column.name"), firstNumber: v.Int64("incrementing.initial"), validate: v.Bool("validate.non.null"),
		interval: v.Duration("poll.interval.ms"), tableInterval: v.Duration("table.poll.interval.ms"), delay: v.Duration("timestamp.delay.interval.ms"),
		numeric: v.String("numeric.mapping"), granularity: v.String("timestamp.granularity"), schema: v.String("schema.pattern"), timestamps: v.List("timestamp.column.name"),
	}
	if v.Has("timestamp.initial") {
		first := v.Int64("timestamp.initial")
		if first == -1 {
			first = time.Now().UnixMilli()
		}
		s.firstTime = &first
	}
	if s.mode.timestamps() && len(s.timestamps) == 0 {
		return nil, fmt.Errorf("timestamp.column.name: mode=%s needs it", s.mode)
	}
	if err := s.parseTables(v); err != nil {
		return nil, err
	}
	s.settings = &settings{
		connection: connection, prefix: v.String("topic.prefix"), retries: v.Int("errors.max.retries"), retryDelay: v.Duration("connection.backoff.ms"),
	}
	if s.settings.delivery, err = deliver.ParseSettings(v); err != nil {
		return nil, err
	}
	if n := v.Int("batch.max.rows"); n != jdbcBatchRows {
		s.settings.delivery.BatchEvents = n
	}
	return s, nil
}

func (s *pollSettings) parseTables(v catalogue.Values) error {
	for _, l := range []struct {
		key    string
		regexp bool
		into   *[]*regexp.Regexp
	}{{"table.whitelist", false, &s.include}, {"table.include.list", true, &s.include}, {"table.blacklist", false, &s.exclude}, {"table.exclude.list", true, &s.exclude}} {
		for _, name := range v.List(l.key) {
			expr := `(?:.*\.)?` + regexp.QuoteMeta(strings.ReplaceAll(name, `"`, ""))
			if l.regexp {
				expr = name
			}
			re, err := regexp.Compile("(?s)^(?:" + expr + ")$")
			if err != nil {
				return fmt.Errorf("%s: %q is not a regular expression (RE2 syntax): %w", l.key, name, err)
			}
			*l.into = append(*l.into, re)
		}
	}
	if s.query != "" && (len(s.include) > 0 || len(s.exclude) > 0) {
		return fmt.Errorf("query and table lists exclude each other: set one")
	}
	return nil
}

// wanted says whether a table is polled.
func (s *pollSettings) wanted(t pgrepl.Table) bool {
	matches := func(list []*regexp.Regexp) bool {
		return slices.ContainsFunc(list, func(re *regexp.Regexp) bool { return re.MatchString(t.String()) })
	}
	if s.schema != "" {
		like := strings.NewReplacer("%", ".*", "_", ".").Replace(regexp.QuoteMeta(s.schema))
		if ok, err := regexp.MatchString("(?s)^"+like+"$", t.Schema); err != nil || !ok {
			return false
		}
	}
	return (s.include == nil || matches(s.include)) && !matches(s.exclude)
}

// subject says what is polled.
func (s *pollSettings) subject(n int) string {
	if s.query != "" {
		return "a query"
	}
	return fmt.Sprintf("%d tables", n)
}

// convertersFrom makes what turns records into bytes.
func convertersFrom(set map[string]string) (key, value converter, chain *transform.Chain, err error) {
	if key, err = record.ConverterFrom(set, "key.converter", true); err != nil {
		return nil, nil, nil, err
	}
	if value, err = record.ConverterFrom(set, "value.converter", false); err != nil {
		return nil, nil, nil, err
	}
	chain, err = transform.FromSettings(set)
	return key, value, chain, err
}
