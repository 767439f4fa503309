package poll

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
)

// mode is how a poll finds the rows that were not delivered yet.
type mode string

const (
	bulk                  mode = "bulk"         // all rows, each time
	incrementing          mode = "incrementing" // those with a greater number
	timestamp             mode = "timestamp"    // those with a later time
	timestampIncrementing mode = "timestamp+incrementing"
)

func (m mode) timestamps() bool { return m == timestamp || m == timestampIncrementing }
func (m mode) increments() bool { return m == incrementing || m == timestampIncrementing }

// spec is a polling connector's configuration in the form that a task works with.
type spec struct {
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
	forms            forms
	name             string // of the connector
}

// reading is a spec on the way from a configuration.
type reading struct {
	spec
	framework catalogue.Source
	// user and password take precedence over those of the URL.
	user, password string
	// named and notNamed are lists of names, which are joined to include and exclude.
	named, notNamed javaregex.List
	batchRows       int
}

// forms are the forms that values take in records.
type forms struct {
	numeric     numericMapping
	granularity granularity
}

// numericMapping is numeric.mapping: the form of numeric(p,s).
type numericMapping string

const (
	asDecimals      numericMapping = "none"
	wholeAsIntegers numericMapping = "precision_only"
	bestFit         numericMapping = "best_fit"
)

// granularity is timestamp.granularity: the form of timestamps.
type granularity string

const (
	connectTimestamps granularity = "connect_logical"
	microseconds      granularity = "micros_long"
	nanoseconds       granularity = "nanos_long"
)

// jdbcBatchRows is the default of batch.max.rows. It stands for our own default size, since
// configurations repeat it without wanting small transactions.
const jdbcBatchRows = 100

// parse reads checked values. Its errors are catalogue.Problems, joined.
func parse(v catalogue.Values) (*spec, error) {
	s := new(reading)
	keys := s.keys()
	faults := []error{catalogue.Fill(v, s.framework.Keys()), catalogue.Fill(v, keys)}
	fault := func(into any, format string, args ...any) {
		key := catalogue.Filling(keys, into).Name
		faults = append(faults, catalogue.Problemf(key, "%s: %w", key, fmt.Errorf(format, args...)))
	}
	if s.user != "" {
		s.connection.User = s.user
	}
	if s.password != "" {
		s.connection.Password = s.password
	}
	if s.mode.timestamps() && len(s.timestamps) == 0 {
		fault(&s.timestamps, "mode=%s needs it", s.mode)
	}
	s.include, s.exclude = append(s.named, s.include...), append(s.notNamed, s.exclude...)
	if s.query != "" && (len(s.include) > 0 || len(s.exclude) > 0) {
		fault(&s.query, "it and lists of tables exclude each other: set one")
	}
	var err error
	if s.delivery, err = deliver.ParseSettings(s.framework); err != nil {
		faults = append(faults, err)
	}
	if s.batchRows != jdbcBatchRows {
		s.delivery.BatchEvents = s.batchRows
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	s.name = s.framework.Name
	return &s.spec, nil
}

// parseFirstTime reads a time in milliseconds since the Unix epoch; -1 is now.
func parseFirstTime(text string) (*int64, error) {
	first, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if first == -1 {
		first = time.Now().UnixMilli()
	}
	return &first, err
}

func parseQuery(sql string) (string, error) {
	return strings.TrimRight(strings.TrimSpace(sql), "; \n\t"), nil
}

// parseNames reads names of tables, with or without their schema.
func parseNames(list string) (javaregex.List, error) {
	return compileItems(list, func(name string) string {
		return `(?:.*\.)?\Q` + strings.ReplaceAll(name, `"`, "") + `\E`
	})
}

// parsePatterns reads patterns of schema.table.
func parsePatterns(list string) (javaregex.List, error) {
	return compileItems(list, func(pattern string) string { return pattern })
}

func compileItems(list string, pattern func(item string) string) (javaregex.List, error) {
	var all javaregex.List
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		p, err := javaregex.Compile(pattern(item))
		if err != nil {
			return nil, fmt.Errorf("%q is not a regular expression: %w", item, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// wanted reports whether a table is polled.
func (s *spec) wanted(t pgrepl.Table) bool {
	if s.schema != "" {
		like := strings.NewReplacer("%", ".*", "_", ".").Replace(regexp.QuoteMeta(s.schema))
		if ok, err := regexp.MatchString("(?s)^"+like+"$", t.Schema); err != nil || !ok {
			return false
		}
	}
	return (s.include == nil || s.include.Match(t.String())) && !s.exclude.Match(t.String())
}

// subject says what is polled, for the status.
func (s *spec) subject(n int) string {
	if s.query != "" {
		return "a query"
	}
	return fmt.Sprintf("%d tables", n)
}
