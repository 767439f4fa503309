package spec

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/converter"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// topics works out which topics are read, and that each has a table.
func (r *reading) topics() error {
	r.Topics = r.framework.Topics
	regex := strings.TrimSpace(r.framework.TopicsRegex)
	named, matched := r.nameOf(&r.framework.Topics), r.nameOf(&r.framework.TopicsRegex)
	var faults []error
	// In the words of Kafka Connect (SinkConnectorConfig.validate), which says so of both keys.
	said := ""
	switch {
	case len(r.Topics) == 0 && regex == "":
		said = "Must configure one of topics or topics.regex"
	case len(r.Topics) > 0 && regex != "":
		said = "topics and topics.regex are mutually exclusive options, but both are set."
	}
	if said != "" {
		faults = append(faults, catalogue.Problem{Key: named, Message: said}, catalogue.Problem{Key: matched, Message: said})
	}
	if regex != "" {
		var err error
		if r.Pattern, err = javaregex.Compile(regex); err != nil {
			faults = append(faults, catalogue.Problem{Key: matched,
				Message: fmt.Sprintf("Invalid value %.200s for configuration %s: Invalid regex: %v", regex, matched, err)})
		}
	}
	if r.Routes == nil {
		return errors.Join(faults...)
	}
	for _, topic := range r.Topics {
		if _, ok := r.Routes.Find(topic); !ok {
			key := r.nameOf(&r.Routes)
			faults = append(faults, catalogue.Problemf(key, "%s has no entry for topic %s: add one, or one for *", key, topic))
		}
	}
	return errors.Join(faults...)
}

// formats checks that the configured formats can be written from the records.
func (r *reading) formats() error {
	if r.Routes == nil {
		return nil
	}
	for _, to := range r.Routes.All() {
		kind := kusto.MappingKind(to.Format)
		switch {
		case kind == "json", to.Format == "csv", kind == "avro", kind == "parquet", r.Rows.Converter == row.Text:
		case kind == "orc":
			return r.fault(&r.Routes,
				"format orc of topic %s takes records that are ORC files themselves (value.converter=org.apache.kafka.connect.converters.ByteArrayConverter); of other records set format parquet, avro, json or csv", to.Topic)
		default:
			return r.fault(&r.Routes,
				"format %s of topic %s takes lines that are written already: set value.converter=org.apache.kafka.connect.storage.StringConverter, or format json, csv, avro or parquet", to.Format, to.Topic)
		}
		if r.Mode == ModeInline && IsFile(to.Format) {
			return r.fault(&r.Routes,
				"format %s of topic %s is no text, which ingestion.mode=inline needs: set format json or csv", to.Format, to.Topic)
		}
	}
	return nil
}

// cluster works out where rows go, and who the sink is there.
func (r *reading) cluster(o Defaults) error {
	c := &r.Kusto
	var err error
	if c.Endpoints, err = kusto.DeriveEndpoints(r.queryURL, r.ingestionURL); err != nil {
		key := r.nameOf(&r.ingestionURL)
		if r.ingestionURL == "" && r.queryURL != "" {
			key = r.nameOf(&r.queryURL)
		}
		return catalogue.Problemf(key, "%w", err)
	}
	c.Application = "calypso-sink"
	c.TrustedHosts = append(c.TrustedHosts, o.TrustedHosts...)
	if c.CAFile == "" {
		c.CAFile = o.CAFile
	}
	if r.proxyHost != "" {
		c.Proxy = "http://" + r.proxyHost
		if r.proxyPort > 0 {
			c.Proxy += fmt.Sprintf(":%d", r.proxyPort)
		}
	}
	for _, endpoint := range []string{c.Endpoints.Query, c.Endpoints.Ingest} {
		if err := kusto.CheckTrust(endpoint, c.TrustedHosts); err != nil {
			return catalogue.Problemf(r.nameOf(&c.TrustedHosts), "%w", err)
		}
	}
	if c.SendsCredentials() {
		if err := c.Auth.Validate(); err != nil {
			return catalogue.Problemf(r.nameOf(&c.Auth.Strategy), "%w", err)
		}
	}
	return nil
}

// errorHandling works out what several keys say of errors together.
func (r *reading) errorHandling() {
	r.Tolerate = r.behavior != failOnError || r.framework.ToleratesErrors
	r.LogErrors = r.behavior != ignoreErrors
	if r.RetryLimit = max(r.RetryLimit, 0); !r.limitGiven || r.Tolerate {
		r.RetryLimit = 0
	}
}

// deadLetters works out where dead letters go. Brokers of their own are connected to with nothing but the keys
// given for them, as Azure's sink does, so that the worker's credentials go to its own brokers
// only.
func (r *reading) deadLetters() error {
	r.DeadTopic, r.DeadReplication = r.framework.DeadLetterTopic, -1
	if r.framework.ReplicationGiven {
		r.DeadReplication = r.framework.DeadLetterReplication
	}
	properties := maps.Clone(r.deadClient)
	delete(properties, strings.TrimPrefix(r.nameOf(&r.deadTopic), deadPrefix))
	switch {
	case r.deadTopic == "" && r.deadBrokers == "":
		return nil
	case r.deadTopic == "":
		key := r.nameOf(&r.deadBrokers)
		return catalogue.Problemf(key, "%s is set without %s", key, r.nameOf(&r.deadTopic))
	}
	r.DeadTopic = r.deadTopic
	if r.deadBrokers == "" {
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			r.Warnings = append(r.Warnings, deadPrefix+name+
				" has no effect without "+r.nameOf(&r.deadBrokers)+": dead letters go to the worker's own brokers")
		}
		return nil
	}
	options, ignored, err := kafka.FromProperties(properties)
	if err != nil {
		key := r.nameOf(&r.deadBrokers)
		if wrong, ok := errors.AsType[*kafka.PropertyError](err); ok {
			key = deadPrefix + wrong.Name
		}
		return catalogue.Problemf(key, deadPrefix+"%w", err)
	}
	for _, name := range ignored {
		r.Warnings = append(r.Warnings, deadPrefix+name+
			" has no effect: dead letters are written with acks=all and until they are durable")
	}
	r.DeadClient = options
	return nil
}

// ownDeadLetters refuses a topic of dead letters that the connector would read, in the words of Kafka Connect.
func (r *reading) ownDeadLetters() error {
	key := r.nameOf(&r.framework.DeadLetterTopic)
	switch {
	case r.DeadTopic == "" || r.DeadClient != nil:
	case slices.Contains(r.Topics, r.DeadTopic):
		return catalogue.Problem{Key: key, Message: fmt.Sprintf(
			"The DLQ topic '%s' may not be included in the list of topics ('topics=%v') consumed by the connector",
			r.DeadTopic, r.Topics)}
	case r.Pattern != nil && r.Pattern.Matches(r.DeadTopic):
		return catalogue.Problem{Key: key, Message: fmt.Sprintf(
			"The DLQ topic '%s' may not be included in the regex matching the topics ('topics.regex=%s') consumed by the connector",
			r.DeadTopic, strings.TrimSpace(r.framework.TopicsRegex))}
	}
	return nil
}

// rows finds how records become rows: converter, transforms, added columns.
func (r *reading) rows(v catalogue.Values) error {
	value, err := converter.New(converter.Value, v.Raw())
	if err != nil {
		return err
	}
	chain, err := chainOf(v)
	if err != nil {
		return err
	}
	if !r.scan(value, chain) {
		if r.Changes {
			key := r.nameOf(&r.Changes)
			return catalogue.Problemf(key,
				"%s=changes reads Debezium's envelopes as JSON and goes with no transforms but ExtractNewRecordState", key)
		}
		r.Rows.Schemas = row.WithSchema
		if r.NewTransform, err = conversions(v, value.Converter, chain); err != nil {
			return err
		}
		r.Rows.Transform = r.NewTransform().Apply
	}
	if r.Changes {
		r.Rows.Unwrap, r.Rows.Deletes, r.Rows.Truncates, r.Rows.Changes = true, row.RewriteDeletes, true, true
		r.Rows.Extra = append(r.Rows.Extra, changeColumns()...)
	}
	for _, name := range r.added {
		i := slices.IndexFunc(metadataColumns(), func(x row.Extra) bool { return x.Name == name })
		if i < 0 {
			return r.fault(&r.added,
				"%q is unknown: take _topic, _partition, _offset, _timestamp, _key, _headers", name)
		}
		r.Rows.Extra = append(r.Rows.Extra, metadataColumns()[i])
	}
	r.Rows.AllowNull = r.Check == checkNull
	return nil
}
