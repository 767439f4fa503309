package poll

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
)

// mode is how rows are found that were not delivered yet.
type mode string

const (
	bulk                  mode = "bulk"         // all rows, each time
	incrementing          mode = "incrementing" // those with a greater number
	timestamp             mode = "timestamp"    // those with a later time
	timestampIncrementing mode = "timestamp+incrementing"
)

func (m mode) timestamps() bool { return m == timestamp || m == timestampIncrementing }
func (m mode) increments() bool { return m == incrementing || m == timestampIncrementing }

// settings are a polling connector's configuration in the form that a task works with.
type settings struct {
	connection pgrepl.Config
	prefix     string // of topics
	delivery   deliver.Settings
	retries    int // -1 for ever
	retryDelay time.Duration

	mode             mode
	query, suffix    string
	include, exclude javaregex.List // of schema.table, or of table alone
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

// jdbcBatchRows is the default of batch.max.rows, which configurations repeat without wanting small transactions.
const jdbcBatchRows = 100

// parseSettings reads checked values. Its errors name the key.
func parseSettings(v catalogue.Values) (*settings, error) {
	connection, err := parseJDBC(v.String("connection.url"))
	if err != nil {
		return nil, catalogue.Problemf("connection.url", "connection.url: %w", err)
	}
	if user := v.String("connection.user"); user != "" {
		connection.User = user
	}
	if password := v.String("connection.password"); password != "" {
		connection.Password = password
	}
	s := &settings{
		connection: connection, prefix: v.String("topic.prefix"), retries: v.Int("errors.max.retries"),
		retryDelay: v.Duration("connection.backoff.ms"),
		mode:       mode(v.String("mode")), query: strings.TrimRight(strings.TrimSpace(v.String("query")), "; \n\t"),
		suffix:       v.String("query.suffix"),
		incrementing: v.String("incrementing.column.name"), firstNumber: v.Int64("incrementing.initial"),
		validate: v.Bool("validate.non.null"),
		interval: v.Duration("poll.interval.ms"), tableInterval: v.Duration("table.poll.interval.ms"),
		delay:   v.Duration("timestamp.delay.interval.ms"),
		numeric: v.String("numeric.mapping"), granularity: v.String("timestamp.granularity"),
		schema: v.String("schema.pattern"), timestamps: v.List("timestamp.column.name"),
	}
	if v.Has("timestamp.initial") {
		first := v.Int64("timestamp.initial")
		if first == -1 {
			first = time.Now().UnixMilli()
		}
		s.firstTime = &first
	}
	if s.mode.timestamps() && len(s.timestamps) == 0 {
		return nil, catalogue.Problemf("timestamp.column.name", "timestamp.column.name: mode=%s needs it", s.mode)
	}
	if err := s.parseTables(v); err != nil {
		return nil, err
	}
	if s.delivery, err = deliver.ParseSettings(v); err != nil {
		return nil, err
	}
	if n := v.Int("batch.max.rows"); n != jdbcBatchRows {
		s.delivery.BatchEvents = n
	}
	return s, nil
}

func (s *settings) parseTables(v catalogue.Values) error {
	for _, l := range []struct {
		key    string
		regexp bool
		into   *javaregex.List
	}{{"table.whitelist", false, &s.include}, {"table.include.list", true, &s.include},
		{"table.blacklist", false, &s.exclude}, {"table.exclude.list", true, &s.exclude}} {
		for _, name := range v.List(l.key) {
			expr := `(?:.*\.)?\Q` + strings.ReplaceAll(name, `"`, "") + `\E`
			if l.regexp {
				expr = name
			}
			p, err := javaregex.Compile(expr)
			if err != nil {
				return catalogue.Problemf(l.key, "%s: %q is not a regular expression: %w", l.key, name, err)
			}
			*l.into = append(*l.into, p)
		}
	}
	if s.query != "" && (len(s.include) > 0 || len(s.exclude) > 0) {
		return catalogue.Problemf("query", "query and table lists exclude each other: set one")
	}
	return nil
}

// wanted reports whether a table is polled.
func (s *settings) wanted(t pgrepl.Table) bool {
	if s.schema != "" {
		like := strings.NewReplacer("%", ".*", "_", ".").Replace(regexp.QuoteMeta(s.schema))
		if ok, err := regexp.MatchString("(?s)^"+like+"$", t.Schema); err != nil || !ok {
			return false
		}
	}
	return (s.include == nil || s.include.Match(t.String())) && !s.exclude.Match(t.String())
}

// subject says what is polled.
func (s *settings) subject(n int) string {
	if s.query != "" {
		return "a query"
	}
	return fmt.Sprintf("%d tables", n)
}
