package spec

import (
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/entra"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
)

// Spec is a connector's configuration in the form that it works with.
type Spec struct {
	Connection pgrepl.Config
	// QueryTimeout bounds queries of the catalog; 0 for no limit.
	QueryTimeout time.Duration
	// Prefix is that of topics: the connector's logical name.
	Prefix string
	Tables *Tables
	// MostTables is how many tables may be captured, 0 for any number, and Guardrail what is done beyond.
	MostTables int
	Guardrail  Guardrail

	Output      Output
	Slot        Slot
	Publication pgrepl.Publication // without tables
	Identities  []Identity

	Snapshot      Snapshot
	Signals       Signals
	Notifications Notifications

	// Events shape the bytes. A task adds to its own copy what only a task knows.
	Events    debezium.Config
	Delivery  deliver.Settings
	Oversized Oversized
	// Unprocessable is what is done with a change that no event can be made of.
	Unprocessable Unprocessable
	Retry         Retry
	Heartbeat     Heartbeat
}

// Guardrail is what is done where the filters match too many tables.
type Guardrail int

const (
	WarnOfTables Guardrail = iota
	FailOnTables
)

// Unprocessable is event.processing.failure.handling.mode.
type Unprocessable string

const (
	FailUnprocessable Unprocessable = "fail"
	WarnUnprocessable Unprocessable = "warn"
	SkipUnprocessable Unprocessable = "skip"
)

// Oversized says what is done with records that their topic does not take.
type Oversized struct {
	Mode OversizedMode
	// Topic is where dead letters go.
	Topic string
}

// OversizedMode is oversized.records.mode.
type OversizedMode string

const (
	StopOversized     OversizedMode = "stop"
	SetOversizedAside OversizedMode = "dead.letter"
	CutOversized      OversizedMode = "truncate"
)

// Retry says how failures that waiting can end are tried again.
type Retry struct {
	// Times is how often in a row; -1 for ever.
	Times int
	// Delay is the longest time between two attempts.
	Delay time.Duration
}

// Heartbeat says what is done now and then while nothing changes.
type Heartbeat struct {
	// Interval is 0 without heartbeats.
	Interval time.Duration
	// Query runs with each; it may be empty.
	Query string
}

// debeziumBatchSize is Debezium's default of max.batch.size, which configurations repeat without
// wanting small transactions.
const debeziumBatchSize = 2048

// Parse reads checked values. Its errors name the key.
func Parse(v catalogue.Values) (*Spec, error) {
	s := &Spec{
		Connection: parseConnection(v), QueryTimeout: v.Duration("database.query.timeout.ms"),
		Prefix:     v.String("topic.prefix"),
		MostTables: v.Int("guardrail.collections.max"), Slot: parseSlot(v), Publication: parsePublication(v),
		Unprocessable: Unprocessable(word(v, "event.processing.failure.handling.mode")),
		Retry:         Retry{v.Int("errors.max.retries"), v.Duration("retriable.restart.connector.wait.ms")},
		Heartbeat:     Heartbeat{v.Duration("heartbeat.interval.ms"), v.String("heartbeat.action.query")},
	}
	if word(v, "guardrail.collections.limit.action") == "fail" {
		s.Guardrail = FailOnTables
	}
	if s.Unprocessable == "ignore" {
		s.Unprocessable = SkipUnprocessable
	}
	var err error
	if s.Tables, err = parseTables(v); err != nil {
		return nil, err
	}
	if s.Output, err = parseOutput(v); err != nil {
		return nil, err
	}
	if s.Snapshot, err = parseSnapshot(v); err != nil {
		return nil, err
	}
	if s.Notifications, err = parseNotifications(v); err != nil {
		return nil, err
	}
	if s.Signals, err = parseSignals(v, s.Prefix, s.Tables.Signal); err != nil {
		return nil, err
	}
	if s.Identities, err = parseIdentities(v); err != nil {
		return nil, err
	}
	if s.Delivery, err = parseDelivery(v); err != nil {
		return nil, err
	}
	if s.Oversized = (Oversized{OversizedMode(word(v, "oversized.records.mode")),
		v.String("oversized.records.topic")}); s.Oversized.Topic == "" {
		s.Oversized.Topic = s.Prefix + "-oversized"
	}
	if s.Events, err = debezium.ConfigFrom(v.Raw()); err != nil {
		return nil, err
	}
	return s, nil
}

func parseConnection(v catalogue.Values) pgrepl.Config {
	c := pgrepl.Config{
		Host: v.String("database.hostname"), Port: uint16(v.Int("database.port")), User: v.String("database.user"),
		Password: v.String("database.password"), Database: v.String("database.dbname"), SSLMode: word(v, "database.sslmode"),
		SSLCert: v.String("database.sslcert"), SSLKey: v.String("database.sslkey"),
		SSLPassword: v.String("database.sslpassword"),
		SSLRootCert: v.String("database.sslrootcert"), ConnectTimeout: v.Duration("database.connection.timeout.ms"),
		KeepAlive:         v.Bool("database.tcpKeepAlive"),
		InitialStatements: splitStatements(v.String("database.initial.statements")),
		ApplicationName:   strings.TrimSpace("calypso capture " + v.String("name")),
	}
	if word(v, "database.connection.factory.class") == "entra" {
		hosts := c.Hosts()
		c.Token = entra.For(entra.PostgresScope(hosts...), hosts...)
	}
	return c
}

// splitStatements splits at semicolons; two of them stand for one in a statement.
func splitStatements(list string) []string {
	const literal = "\x00"
	var out []string
	for s := range strings.SplitSeq(strings.ReplaceAll(list, ";;", literal), ";") {
		if s = strings.TrimSpace(strings.ReplaceAll(s, literal, ";")); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func parseDelivery(v catalogue.Values) (deliver.Settings, error) {
	d, err := deliver.ParseSettings(v)
	if err != nil {
		return d, err
	}
	if n := v.Int("max.batch.size"); n != debeziumBatchSize {
		d.BatchEvents = n
	}
	if n := int(v.Int64("max.queue.size.in.bytes")); n != 0 {
		d.BatchBytes = n / 2 // one of two batches is filled while the other is written
	}
	return d, nil
}
