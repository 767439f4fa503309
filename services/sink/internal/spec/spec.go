package spec

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// Values of keys.
const (
	formRows    = "rows"
	formChanges = "changes"

	MissingTask  = "task"
	MissingTopic = "topic"

	exactlyOnce = "exactly_once"
	atLeastOnce = "at_least_once"
)

// valuesCheck is what becomes of a row with a value that ADX would store as null or cut off without
// a word (values.check).
type valuesCheck string

// The checks of values.
const (
	checkRefuse valuesCheck = "refuse"
	checkNull   valuesCheck = "null"
	CheckOff    valuesCheck = "off"
)

// Mode is how rows get into a table (ingestion.mode).
type Mode string

// The modes of ingestion. A target's is never modeAuto.
const (
	ModeAuto      Mode = "auto"
	ModeQueued    Mode = "queued"
	ModeStreaming Mode = "streaming"
	ModeAdaptive  Mode = "adaptive"
	ModeInline    Mode = "inline"
)

// Streams reports whether the mode streams rows while it can.
func (m Mode) Streams() bool { return m == ModeStreaming || m == ModeAdaptive }

// Spec is a sink connector's checked configuration.
type Spec struct {
	Kusto  kusto.Config
	Routes *route.Routes
	Topics []string
	regex  string
	// Pattern is what regex says; nil if topics are named.
	Pattern *javaregex.Pattern
	Rows    row.Config

	Validate              bool
	AutoCreate            bool
	AutoEvolve            bool
	Changes, CurrentState bool
	Check                 valuesCheck
	FlushSize             int64
	FlushInterval         time.Duration
	Linger                time.Duration
	FlushMax              int64
	MaxInFlight           int
	BufferMemory          int64
	Exact                 bool
	Mode                  Mode
	TagRetention          string
	Tolerate, LogErrors   bool
	// Acknowledged are columns, as topic:column, that are known to get no values any more.
	Acknowledged []string
	// MissingStopsTopic has a topic stand still, and not the task, whose next records are gone.
	MissingStopsTopic bool
	// RetryLimit is after how long an outage fails the task; 0 never.
	RetryLimit      time.Duration
	StatusTimeout   time.Duration
	MaxBackoff      time.Duration
	DeadTopic       string
	DeadReplication int16
	// DeadClient are the options of clients of the dead letter topic; nil where it is on the worker's own brokers.
	DeadClient []kgo.Opt
	// Group is the connector's consumer group, member how its tasks join it.
	Group  string
	Member membership
	// NewTransform makes a chain of transforms for one goroutine; nil where scanning does it.
	NewTransform func() (*Conversion, error)
	// Warnings are for the log at the task's start.
	Warnings []string
}

// Class is the connector class that configurations name.
const Class = "com.microsoft.azure.kusto.kafka.connect.sink.KustoSinkConnector"

// Defaults are the worker's, for connectors that name none of their own.
type Defaults struct {
	// CAFile is a PEM file of authorities to trust.
	CAFile string
	// TrustedHosts are hosts that every connector may send to, besides Azure's and this machine.
	TrustedHosts []string
}

const mappingKey = "kusto.tables.topics.mapping"

// Parse reads checked values. Its errors are catalogue.Problems.
func Parse(v catalogue.Values, o Defaults) (*Spec, error) {
	var faults []error
	fault := func(key, format string, args ...any) {
		faults = append(faults, catalogue.Problemf(key, format, args...))
	}
	s := &Spec{
		Validate: v.Bool("kusto.validation.table.enable"), AutoCreate: v.Bool("auto.create"),
		AutoEvolve: v.Bool("auto.evolve"),
		Changes:    strings.EqualFold(v.String("table.form"), formChanges), CurrentState: v.Bool("current.state"),
		Check:     valuesCheck(strings.ToLower(v.String("values.check"))),
		FlushSize: v.Int64("flush.size.bytes"), FlushInterval: v.Duration("flush.interval.ms"),
		FlushMax: v.Int64("flush.max.bytes"), Linger: v.Duration("streaming.linger.ms"),
		MaxInFlight: v.Int("max.in.flight.batches"), BufferMemory: v.Int64("buffer.memory.bytes"),
		Exact: exact(v), Mode: Mode(strings.ToLower(v.String("ingestion.mode"))), TagRetention: v.String("tags.retention"),
		MaxBackoff: v.Duration("errors.retry.backoff.time.ms"), StatusTimeout: v.Duration("ingestion.status.timeout.ms"),
		Topics: v.List("topics"), regex: strings.TrimSpace(v.String("topics.regex")),
	}
	behavior := strings.ToUpper(v.String("behavior.on.error"))
	s.Tolerate = behavior != "FAIL" || strings.EqualFold(v.String("errors.tolerance"), "all")
	s.Acknowledged = v.List("acknowledged.columns")
	s.MissingStopsTopic = strings.EqualFold(v.String("records.missing"), MissingTopic)
	s.LogErrors = behavior != "IGNORE"
	if v.Has("errors.retry.max.time.ms") && !s.Tolerate {
		s.RetryLimit = max(v.Duration("errors.retry.max.time.ms"), 0)
	}
	// In the words of Kafka Connect (SinkConnectorConfig.validate), which says so of both keys.
	said := ""
	switch {
	case len(s.Topics) == 0 && s.regex == "":
		said = "Must configure one of topics or topics.regex"
	case len(s.Topics) > 0 && s.regex != "":
		said = "topics and topics.regex are mutually exclusive options, but both are set."
	}
	if said != "" {
		faults = append(faults, catalogue.Problem{Key: "topics", Message: said},
			catalogue.Problem{Key: "topics.regex", Message: said})
	}
	if s.regex != "" {
		var err error
		if s.Pattern, err = javaregex.Compile(s.regex); err != nil {
			faults = append(faults, catalogue.Problem{Key: "topics.regex",
				Message: fmt.Sprintf("Invalid value %.200s for configuration topics.regex: Invalid regex: %v", s.regex, err)})
		}
	}
	var err error
	if s.Routes, err = route.Parse(v.String("kusto.tables.topics.mapping")); err != nil {
		fault(mappingKey, "kusto.tables.topics.mapping: %w", err)
	} else {
		for _, topic := range s.Topics {
			if _, ok := s.Routes.Find(topic); !ok {
				fault(mappingKey, "kusto.tables.topics.mapping has no entry for topic %s: add one, or one for *", topic)
			}
		}
	}
	if s.Kusto, err = clusterOf(v, o); err != nil {
		faults = append(faults, err)
	}
	s.FlushMax = max(s.FlushMax, s.FlushSize)
	if err := s.dead(v); err != nil {
		faults = append(faults, err)
	}
	const deadKey = "errors.deadletterqueue.topic.name"
	switch {
	case s.DeadTopic == "" || s.DeadClient != nil:
	case slices.Contains(s.Topics, s.DeadTopic):
		faults = append(faults, catalogue.Problem{Key: deadKey, Message: fmt.Sprintf(
			"The DLQ topic '%s' may not be included in the list of topics ('topics=%v') consumed by the connector",
			s.DeadTopic, s.Topics)})
	case s.Pattern != nil && s.Pattern.Matches(s.DeadTopic):
		faults = append(faults, catalogue.Problem{Key: deadKey, Message: fmt.Sprintf(
			"The DLQ topic '%s' may not be included in the regex matching the topics ('topics.regex=%s') consumed by the connector", s.DeadTopic, s.regex)})
	}
	if err := s.rowsOf(v); err != nil {
		faults = append(faults, err)
	} else if err := s.formats(); err != nil {
		faults = append(faults, err)
	}
	if s.CurrentState && !s.Changes {
		fault("current.state", "current.state needs table.form=changes, since the latest state follows from the changes")
	}
	if s.Exact && s.FlushSize < 1<<20 && s.FlushInterval < 10*time.Second {
		s.Warnings = append(s.Warnings,
			"flush.size.bytes and flush.interval.ms are small for exactly-once delivery: a tagged batch becomes an extent of its own. Batches grow while earlier ones are under way; flush.size.bytes=33554432 and flush.interval.ms=60000 make fewer")
	}
	s.Group = connector.ConsumerGroup(v.String("name"), v)
	var ignored []string
	if s.Member, ignored, err = membershipOf(v); err != nil {
		faults = append(faults, err)
	}
	for _, name := range ignored {
		s.Warnings = append(s.Warnings,
			name+" has no effect: polling does not wait for ingestion, and what else a consumer needs is set by the sink")
	}
	return s, errors.Join(faults...)
}

// formats checks that the configured formats can be written from the records.
func (s *Spec) formats() error {
	if s.Routes == nil {
		return nil
	}
	for _, r := range s.Routes.All() {
		kind := kusto.MappingKind(r.Format)
		switch {
		case kind == "json", r.Format == "csv", kind == "avro", kind == "parquet", s.Rows.Converter == row.Text:
		case kind == "orc":
			return catalogue.Problemf(mappingKey,
				"kusto.tables.topics.mapping: format orc of topic %s takes records that are ORC files themselves (value.converter=org.apache.kafka.connect.converters.ByteArrayConverter); of other records set format parquet, avro, json or csv", r.Topic)
		default:
			return catalogue.Problemf(mappingKey,
				"kusto.tables.topics.mapping: format %s of topic %s takes lines that are written already: set value.converter=org.apache.kafka.connect.storage.StringConverter, or format json, csv, avro or parquet", r.Format, r.Topic)
		}
		if s.Mode == ModeInline && IsFile(r.Format) {
			return catalogue.Problemf(mappingKey,
				"kusto.tables.topics.mapping: format %s of topic %s is no text, which ingestion.mode=inline needs: set format json or csv", r.Format, r.Topic)
		}
	}
	return nil
}

func clusterOf(v catalogue.Values, o Defaults) (kusto.Config, error) {
	query, ingestion := strings.TrimSpace(v.String("kusto.query.url")), strings.TrimSpace(v.String("kusto.ingestion.url"))
	endpoints, err := kusto.DeriveEndpoints(query, ingestion)
	if err != nil {
		key := "kusto.ingestion.url"
		if ingestion == "" && query != "" {
			key = "kusto.query.url"
		}
		return kusto.Config{}, catalogue.Problemf(key, "%w", err)
	}
	c := kusto.Config{
		Endpoints: endpoints, TrustedHosts: append(v.List("kusto.trusted.hosts"), o.TrustedHosts...),
		CAFile: v.String("kusto.tls.ca.file"), Application: "calypso-sink",
		Auth: kusto.Auth{
			Strategy: kusto.Strategy(strings.ToUpper(v.String("aad.auth.strategy"))), AppID: v.String("aad.auth.appid"),
			AppKey:    v.String("aad.auth.appkey"),
			Authority: v.String("aad.auth.authority"), AccessToken: v.String("aad.auth.accesstoken"),
			TokenFile:           v.String("aad.auth.token.file"),
			CertificateFile:     v.String("aad.auth.certificate.file"),
			CertificatePassword: v.String("aad.auth.certificate.password"),
		},
	}
	if c.CAFile == "" {
		c.CAFile = o.CAFile
	}
	if host := v.String("proxy.host"); host != "" {
		c.Proxy = "http://" + host
		if port := v.Int("proxy.port"); port > 0 {
			c.Proxy += fmt.Sprintf(":%d", port)
		}
	}
	for _, endpoint := range []string{endpoints.Query, endpoints.Ingest} {
		if err := kusto.CheckTrust(endpoint, c.TrustedHosts); err != nil {
			return c, catalogue.Problemf("kusto.trusted.hosts", "%w", err)
		}
	}
	if c.SendsCredentials() {
		if err := c.Auth.Validate(); err != nil {
			return c, catalogue.Problemf("aad.auth.strategy", "%w", err)
		}
	}
	return c, nil
}

// dead reads where dead letters go. Brokers of their own are connected to with nothing but the keys
// given for them, as Azure's sink does, so that the worker's credentials go to its own brokers
// only.
func (s *Spec) dead(v catalogue.Values) error {
	s.DeadTopic, s.DeadReplication = v.String("errors.deadletterqueue.topic.name"), -1
	if v.Has("errors.deadletterqueue.topic.replication.factor") {
		s.DeadReplication = int16(v.Int("errors.deadletterqueue.topic.replication.factor"))
	}
	properties := v.WithPrefix("misc.deadletterqueue.")
	topic, brokers := properties["topic.name"], properties["bootstrap.servers"]
	delete(properties, "topic.name")
	switch {
	case topic == "" && brokers == "":
		return nil
	case topic == "":
		return catalogue.Problemf("misc.deadletterqueue.bootstrap.servers",
			"misc.deadletterqueue.bootstrap.servers is set without misc.deadletterqueue.topic.name")
	}
	s.DeadTopic = topic
	if brokers == "" {
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			s.Warnings = append(s.Warnings, "misc.deadletterqueue."+name+
				" has no effect without misc.deadletterqueue.bootstrap.servers: dead letters go to the worker's own brokers")
		}
		return nil
	}
	options, ignored, err := kafka.FromProperties(properties)
	if err != nil {
		key := "misc.deadletterqueue.bootstrap.servers"
		if wrong, ok := errors.AsType[*kafka.PropertyError](err); ok {
			key = "misc.deadletterqueue." + wrong.Name
		}
		return catalogue.Problemf(key, "misc.deadletterqueue.%w", err)
	}
	for _, name := range ignored {
		s.Warnings = append(s.Warnings, "misc.deadletterqueue."+name+
			" has no effect: dead letters are written with acks=all and until they are durable")
	}
	s.DeadClient = options
	return nil
}

// rowsOf finds how records become rows: converter, transforms, added columns.
func (s *Spec) rowsOf(v catalogue.Values) error {
	if !shortcut(v) {
		if s.Changes {
			return catalogue.Problemf("table.form",
				"table.form=changes reads Debezium's envelopes as JSON and goes with no transforms but ExtractNewRecordState")
		}
		s.Rows.Schemas = row.WithSchema
		var err error
		if s.NewTransform, err = conversions(v); err != nil {
			return err
		}
		c, err := s.NewTransform()
		if err != nil {
			return err
		}
		s.Rows.Transform = c.Apply
	} else if class, _ := record.ConverterClass(v.String("value.converter")); class == record.JSONConverterClass {
		if v.Has("value.converter.schemas.enable") {
			s.Rows.Schemas = row.WithSchema
			if strings.EqualFold(strings.TrimSpace(v.String("value.converter.schemas.enable")), "false") {
				s.Rows.Schemas = row.WithoutSchema
			}
		}
		if err := s.unwrap(v); err != nil {
			return err
		}
	} else {
		s.Rows.Converter = row.Text
	}
	if s.Changes {
		s.Rows.Unwrap, s.Rows.Deletes, s.Rows.Truncates = true, row.RewriteDeletes, true
		s.Rows.Extra = append(s.Rows.Extra, changeColumns()...)
	}
	for _, name := range v.List("metadata.columns") {
		i := slices.IndexFunc(metadataColumns(), func(x row.Extra) bool { return x.Name == name })
		if i < 0 {
			return catalogue.Problemf("metadata.columns",
				"metadata.columns: %q is unknown: take _topic, _partition, _offset, _timestamp, _key, _headers", name)
		}
		s.Rows.Extra = append(s.Rows.Extra, metadataColumns()[i])
	}
	s.Rows.AllowNull = s.Check == checkNull
	return nil
}

// changeColumns are the columns of a change table besides the row's own. _seq orders the changes of
// a key: it is the offset in Kafka, where a key's changes keep their order, also over a replay.
func changeColumns() []row.Extra {
	return []row.Extra{
		{Name: "_op", From: row.OfEnvelope, Field: "op"}, {Name: "_ts", From: row.ChangeTime},
		{Name: "_lsn", From: row.OfSource, Field: "lsn"},
		{Name: "_seq", From: row.Offset}, {Name: "_tx", From: row.OfSource, Field: "txId"},
		{Name: "_deleted", From: row.DeletedBool},
	}
}

func metadataColumns() []row.Extra {
	return []row.Extra{
		{Name: "_topic", From: row.Topic}, {Name: "_partition", From: row.Partition}, {Name: "_offset", From: row.Offset},
		{Name: "_timestamp", From: row.Timestamp}, {Name: "_key", From: row.Key}, {Name: "_headers", From: row.Headers},
	}
}

// NewRows is the configuration of a route's rows for one goroutine.
func (s *Spec) NewRows(r route.Route) row.Config {
	c := s.Rows
	c.CSV = c.Converter == row.JSON && r.Format == "csv"
	c.Files = c.Converter == row.Text && IsFile(r.Format)
	if c.Converter == row.Text && !c.Files && s.Check != CheckOff {
		c.Format = r.Format
	}
	if s.NewTransform != nil {
		if chain, err := s.NewTransform(); err == nil { // it could be made when the settings were read
			c.Transform = chain.Apply
		}
	}
	return c
}

// Guarantee says in a sentence what delivery the connector has.
func (s *Spec) Guarantee() string {
	switch {
	case s.Mode.Streams():
		return fmt.Sprintf("at least once: streaming ingestion (%s) has no tags, so a lost answer may repeat a batch", s.Mode)
	case !s.Exact:
		return "at least once: delivery.guarantee is at_least_once, so a crash may repeat batches"
	}
	return "exactly once: batches are cut once, tagged, and skipped by the cluster if it has them; topics mapped with streaming=true are at least once"
}
