package sink

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

	checkRefuse = "refuse"
	checkNull   = "null"
	checkOff    = "off"

	missingTask  = "task"
	missingTopic = "topic"

	exactlyOnce = "exactly_once"
	atLeastOnce = "at_least_once"

	modeAuto      = "auto"
	modeQueued    = "queued"
	modeStreaming = "streaming"
	modeAdaptive  = "adaptive"
	modeInline    = "inline"
)

// settings are a sink connector's checked configuration.
type settings struct {
	kusto  kusto.Config
	routes *route.Routes
	topics []string
	regex  string
	// pattern is what regex says; nil if topics are named.
	pattern *javaregex.Pattern
	rows    row.Config

	validate              bool
	autoCreate            bool
	autoEvolve            bool
	changes, currentState bool
	valuesCheck           string
	flushSize             int64
	flushInterval         time.Duration
	linger                time.Duration
	flushMax              int64
	maxInFlight           int
	bufferMemory          int64
	exact                 bool
	mode                  string
	tagRetention          string
	tolerate, logErrors   bool
	// acknowledged are columns, as topic:column, that are known to get no values any more.
	acknowledged []string
	// missingStopsTopic has a topic stand still, and not the task, whose next records are gone.
	missingStopsTopic bool
	// retryLimit is after how long an outage fails the task; 0 never.
	retryLimit      time.Duration
	statusTimeout   time.Duration
	maxBackoff      time.Duration
	deadTopic       string
	deadReplication int16
	// deadClient are the options of clients of the dead letter topic; nil where it is on the worker's own brokers.
	deadClient []kgo.Opt
	// group is the connector's consumer group, member how its tasks join it.
	group  string
	member membership
	// newTransform makes a chain of transforms for one goroutine; nil where scanning does it.
	newTransform func() (*converted, error)
	// warnings are for the log at the task's start.
	warnings []string
}

func parseSettings(v catalogue.Values, o Options) (*settings, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	s := &settings{
		validate: v.Bool("kusto.validation.table.enable"), autoCreate: v.Bool("auto.create"), autoEvolve: v.Bool("auto.evolve"),
		changes: strings.EqualFold(v.String("table.form"), formChanges), currentState: v.Bool("current.state"), valuesCheck: strings.ToLower(v.String("values.check")),
		flushSize: v.Int64("flush.size.bytes"), flushInterval: v.Duration("flush.interval.ms"), flushMax: v.Int64("flush.max.bytes"), linger: v.Duration("streaming.linger.ms"),
		maxInFlight: v.Int("max.in.flight.batches"), bufferMemory: v.Int64("buffer.memory.bytes"),
		exact: exact(v), mode: strings.ToLower(v.String("ingestion.mode")), tagRetention: v.String("tags.retention"),
		maxBackoff: v.Duration("errors.retry.backoff.time.ms"), statusTimeout: v.Duration("ingestion.status.timeout.ms"),
		topics: v.List("topics"), regex: strings.TrimSpace(v.String("topics.regex")),
	}
	behavior := strings.ToUpper(v.String("behavior.on.error"))
	s.tolerate = behavior != "FAIL" || strings.EqualFold(v.String("errors.tolerance"), "all")
	s.acknowledged = v.List("acknowledged.columns")
	s.missingStopsTopic = strings.EqualFold(v.String("records.missing"), missingTopic)
	s.logErrors = behavior != "IGNORE"
	if v.Has("errors.retry.max.time.ms") && !s.tolerate {
		s.retryLimit = max(v.Duration("errors.retry.max.time.ms"), 0)
	}
	// In the words of Kafka Connect (SinkConnectorConfig.validate), which says so of both keys.
	said := ""
	switch {
	case len(s.topics) == 0 && s.regex == "":
		said = "Must configure one of topics or topics.regex"
	case len(s.topics) > 0 && s.regex != "":
		said = "topics and topics.regex are mutually exclusive options, but both are set."
	}
	if said != "" {
		faults = append(faults, catalogue.Problem{Key: "topics", Message: said}, catalogue.Problem{Key: "topics.regex", Message: said})
	}
	if s.regex != "" {
		var err error
		if s.pattern, err = javaregex.Compile(s.regex); err != nil {
			faults = append(faults, catalogue.Problem{Key: "topics.regex", Message: fmt.Sprintf("Invalid value %.200s for configuration topics.regex: Invalid regex: %v", s.regex, err)})
		}
	}
	var err error
	if s.routes, err = route.Parse(v.String("kusto.tables.topics.mapping")); err != nil {
		fault("kusto.tables.topics.mapping: %w", err)
	} else {
		for _, topic := range s.topics {
			if _, ok := s.routes.Find(topic); !ok {
				fault("kusto.tables.topics.mapping has no entry for topic %s: add one, or one for *", topic)
			}
		}
	}
	if s.kusto, err = clusterOf(v, o); err != nil {
		faults = append(faults, err)
	}
	s.flushMax = max(s.flushMax, s.flushSize)
	if err := s.dead(v); err != nil {
		faults = append(faults, err)
	}
	const deadKey = "errors.deadletterqueue.topic.name"
	switch {
	case s.deadTopic == "" || s.deadClient != nil:
	case slices.Contains(s.topics, s.deadTopic):
		faults = append(faults, catalogue.Problem{Key: deadKey, Message: fmt.Sprintf(
			"The DLQ topic '%s' may not be included in the list of topics ('topics=%v') consumed by the connector", s.deadTopic, s.topics)})
	case s.pattern != nil && s.pattern.Matches(s.deadTopic):
		faults = append(faults, catalogue.Problem{Key: deadKey, Message: fmt.Sprintf(
			"The DLQ topic '%s' may not be included in the regex matching the topics ('topics.regex=%s') consumed by the connector", s.deadTopic, s.regex)})
	}
	if err := s.rowsOf(v); err != nil {
		faults = append(faults, err)
	} else if err := s.formats(); err != nil {
		faults = append(faults, err)
	}
	if s.currentState && !s.changes {
		fault("current.state needs table.form=changes, since the latest state follows from the changes")
	}
	if s.exact && s.flushSize < 1<<20 && s.flushInterval < 10*time.Second {
		s.warnings = append(s.warnings, "flush.size.bytes and flush.interval.ms are small for exactly-once delivery: a tagged batch becomes an extent of its own. Batches grow while earlier ones are under way; flush.size.bytes=33554432 and flush.interval.ms=60000 make fewer")
	}
	s.group = connector.ConsumerGroup(v.String("name"), v)
	var ignored []string
	if s.member, ignored, err = membershipOf(v); err != nil {
		faults = append(faults, err)
	}
	for _, name := range ignored {
		s.warnings = append(s.warnings, name+" has no effect: polling does not wait for ingestion, and what else a consumer needs is set by the sink")
	}
	return s, errors.Join(faults...)
}

// formats checks that the configured formats can be written from the records.
func (s *settings) formats() error {
	if s.routes == nil {
		return nil
	}
	for _, r := range s.routes.All() {
		kind := kusto.MappingKind(r.Format)
		switch {
		case kind == "json", r.Format == "csv", kind == "avro", kind == "parquet", s.rows.Converter == row.Text:
		case kind == "orc":
			return fmt.Errorf("kusto.tables.topics.mapping: format orc of topic %s takes records that are ORC files themselves (value.converter=org.apache.kafka.connect.converters.ByteArrayConverter); of other records set format parquet, avro, json or csv", r.Topic)
		default:
			return fmt.Errorf("kusto.tables.topics.mapping: format %s of topic %s takes lines that are written already: set value.converter=org.apache.kafka.connect.storage.StringConverter, or format json, csv, avro or parquet", r.Format, r.Topic)
		}
		if s.mode == modeInline && isFile(r.Format) {
			return fmt.Errorf("kusto.tables.topics.mapping: format %s of topic %s is no text, which ingestion.mode=inline needs: set format json or csv", r.Format, r.Topic)
		}
	}
	return nil
}

func clusterOf(v catalogue.Values, o Options) (kusto.Config, error) {
	endpoints, err := kusto.DeriveEndpoints(strings.TrimSpace(v.String("kusto.query.url")), strings.TrimSpace(v.String("kusto.ingestion.url")))
	if err != nil {
		return kusto.Config{}, err
	}
	c := kusto.Config{
		Endpoints: endpoints, TrustedHosts: append(v.List("kusto.trusted.hosts"), o.TrustedHosts...), CAFile: v.String("kusto.tls.ca.file"), Application: "calypso-sink",
		Auth: kusto.Auth{
			Strategy: kusto.Strategy(strings.ToUpper(v.String("aad.auth.strategy"))), AppID: v.String("aad.auth.appid"), AppKey: v.String("aad.auth.appkey"),
			Authority: v.String("aad.auth.authority"), AccessToken: v.String("aad.auth.accesstoken"), TokenFile: v.String("aad.auth.token.file"),
			CertificateFile: v.String("aad.auth.certificate.file"), CertificatePassword: v.String("aad.auth.certificate.password"),
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
	var faults []error
	for _, endpoint := range []string{endpoints.Query, endpoints.Ingest} {
		if err := kusto.CheckTrust(endpoint, c.TrustedHosts); err != nil {
			return c, err
		}
	}
	if c.SendsCredentials() {
		faults = append(faults, c.Auth.Validate())
	}
	return c, errors.Join(faults...)
}

// dead reads where dead letters go. Brokers of their own are connected to with nothing but the keys given for them, as Azure's sink
// does, so that the worker's credentials go to its own brokers only.
func (s *settings) dead(v catalogue.Values) error {
	s.deadTopic, s.deadReplication = v.String("errors.deadletterqueue.topic.name"), -1
	if v.Has("errors.deadletterqueue.topic.replication.factor") {
		s.deadReplication = int16(v.Int("errors.deadletterqueue.topic.replication.factor"))
	}
	properties := v.WithPrefix("misc.deadletterqueue.")
	topic, brokers := properties["topic.name"], properties["bootstrap.servers"]
	delete(properties, "topic.name")
	switch {
	case topic == "" && brokers == "":
		return nil
	case topic == "":
		return fmt.Errorf("misc.deadletterqueue.bootstrap.servers is set without misc.deadletterqueue.topic.name")
	}
	s.deadTopic = topic
	if brokers == "" {
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			s.warnings = append(s.warnings, "misc.deadletterqueue."+name+" has no effect without misc.deadletterqueue.bootstrap.servers: dead letters go to the worker's own brokers")
		}
		return nil
	}
	options, ignored, err := kafka.FromProperties(properties)
	if err != nil {
		return fmt.Errorf("misc.deadletterqueue.%w", err)
	}
	for _, name := range ignored {
		s.warnings = append(s.warnings, "misc.deadletterqueue."+name+" has no effect: dead letters are written with acks=all and until they are durable")
	}
	s.deadClient = options
	return nil
}

// rowsOf finds how records become rows: converter, transforms, added columns.
func (s *settings) rowsOf(v catalogue.Values) error {
	if !shortcut(v) {
		if s.changes {
			return fmt.Errorf("table.form=changes reads Debezium's envelopes as JSON and goes with no transforms but ExtractNewRecordState")
		}
		s.rows.Schemas = row.WithSchema
		var err error
		if s.newTransform, err = conversions(v); err != nil {
			return err
		}
		c, err := s.newTransform()
		if err != nil {
			return err
		}
		s.rows.Transform = c.apply
	} else if class, _ := record.ConverterClass(v.String("value.converter")); class == record.JSONConverterClass {
		if v.Has("value.converter.schemas.enable") {
			s.rows.Schemas = row.WithSchema
			if strings.EqualFold(strings.TrimSpace(v.String("value.converter.schemas.enable")), "false") {
				s.rows.Schemas = row.WithoutSchema
			}
		}
		if err := s.unwrap(v); err != nil {
			return err
		}
	} else {
		s.rows.Converter = row.Text
	}
	if s.changes {
		s.rows.Unwrap, s.rows.Deletes, s.rows.Truncates = true, row.RewriteDeletes, true
		s.rows.Extra = append(s.rows.Extra, changeColumns()...)
	}
	for _, name := range v.List("metadata.columns") {
		i := slices.IndexFunc(metadataColumns(), func(x row.Extra) bool { return x.Name == name })
		if i < 0 {
			return fmt.Errorf("metadata.columns: %q is unknown: take _topic, _partition, _offset, _timestamp, _key, _headers", name)
		}
		s.rows.Extra = append(s.rows.Extra, metadataColumns()[i])
	}
	s.rows.AllowNull = s.valuesCheck == checkNull
	return nil
}

// changeColumns are the columns of a change table besides the row's own. _seq orders the changes of a key: it is the offset in
// Kafka, where a key's changes keep their order, also over a replay.
func changeColumns() []row.Extra {
	return []row.Extra{
		{Name: "_op", From: row.OfEnvelope, Field: "op"}, {Name: "_ts", From: row.ChangeTime}, {Name: "_lsn", From: row.OfSource, Field: "lsn"},
		{Name: "_seq", From: row.Offset}, {Name: "_tx", From: row.OfSource, Field: "txId"}, {Name: "_deleted", From: row.DeletedBool},
	}
}

func metadataColumns() []row.Extra {
	return []row.Extra{
		{Name: "_topic", From: row.Topic}, {Name: "_partition", From: row.Partition}, {Name: "_offset", From: row.Offset},
		{Name: "_timestamp", From: row.Timestamp}, {Name: "_key", From: row.Key}, {Name: "_headers", From: row.Headers},
	}
}

// newRows is the configuration of a route's rows for one goroutine.
func (s *settings) newRows(r route.Route) row.Config {
	c := s.rows
	c.CSV = c.Converter == row.JSON && r.Format == "csv"
	c.Files = c.Converter == row.Text && isFile(r.Format)
	if c.Converter == row.Text && !c.Files && s.valuesCheck != checkOff {
		c.Format = r.Format
	}
	if s.newTransform != nil {
		if chain, err := s.newTransform(); err == nil { // it could be made when the settings were read
			c.Transform = chain.apply
		}
	}
	return c
}
