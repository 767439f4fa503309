package catalogue

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/record"
)

const (
	groupCommon      = "Common"
	groupTransforms  = "Transforms"
	groupPredicates  = "Predicates"
	groupErrors      = "Error Handling"
	groupTopics      = "Topic Creation"
	groupExactlyOnce = "Exactly Once Support"
	groupOffsets     = "offsets.topic"
	groupClients     = "Client Overrides"
)

// The keys of a connector that name its parts; the names of their settings begin with these.
const (
	TransformsKey      = "transforms"
	PredicatesKey      = "predicates"
	KeyConverterKey    = "key.converter"
	ValueConverterKey  = "value.converter"
	HeaderConverterKey = "header.converter"
)

// What adding and removing topics of a sink leads to.
const (
	topicsAdded   = "Topics that are added are read from their start (consumer.override.auto.offset.reset), or where the connector's consumer group left them, and need a table to go to."
	topicsRemoved = "Topics that are no longer named are no longer read. Their offsets stay with the consumer group, and rows in the table stay."
)

// Common are settings that every connector has.
type Common struct {
	Name     string
	TasksMax int
	// ToleratesErrors is errors.tolerance=all.
	ToleratesErrors bool
}

// Source are Kafka Connect's own settings of a source connector.
type Source struct {
	Common
	// ExactlyOnceRequired is exactly.once.support=required.
	ExactlyOnceRequired bool
	// TopicGroups are the names of topic.creation.groups, TopicSettings what is set under topic.creation.
	TopicGroups   []string
	TopicSettings map[string]string
	// Producer is what is set under producer.override.
	Producer map[string]string
}

// Sink are Kafka Connect's own settings of a sink connector.
type Sink struct {
	Common
	// Topics are those that are named, TopicsRegex a Java pattern of them.
	Topics      []string
	TopicsRegex string
	// DeadLetterTopic is empty if there is none. DeadLetterReplication counts only if
	// ReplicationGiven; otherwise the broker's default does.
	DeadLetterTopic       string
	DeadLetterReplication int16
	ReplicationGiven      bool
	// Consumer is what is set under consumer.override.
	Consumer map[string]string
}

// SourceFramework declares the keys of a source connector that are Kafka Connect's own.
func SourceFramework() []Key { return new(Source).Keys() }

// SinkFramework declares the keys of a sink connector that are Kafka Connect's own.
func SinkFramework() []Key { return new(Sink).Keys() }

// Keys declare Kafka Connect's own keys of a source connector (org.apache.kafka.connect.runtime.
// SourceConnectorConfig), in its order. A connector that cannot honour one declares it again with Unsupported.
func (s *Source) Keys() []Key {
	const written = "Records written before the change stay as they are."
	shared := leadingTo(s.common(), map[string]Consequence{
		KeyConverterKey: {Effect: KeysChange,
			Doc: "Keys get other bytes, so a row's records may go to another partition than before: their order across the change is not kept, and compaction keeps the last record under the old key. Readers must follow. " + written},
		ValueConverterKey: {Effect: RowsChange,
			Doc: "Values are written in another form: readers, such as value.converter of the sink, must follow. " + written},
		KeyConverterKey + ".*": {Effect: KeysChange,
			Doc: "Keys may get other bytes, and a row's records then go to another partition than before. Readers must follow. " + written},
		ValueConverterKey + ".*": {Effect: RowsChange,
			Doc: "Values may be written in another form: readers must follow. " + written},
		TransformsKey: {Effect: RowsChange,
			Doc: "Records look different, or go to other topics, from now on: sinks, mappings and tables must follow. " +
				written},
		TransformsKey + ".*": {Effect: RowsChange,
			Doc: "Records look different, or go to other topics, from now on: sinks, mappings and tables must follow. " +
				written},
	})
	return append(shared,
		Key{Name: "topic.creation.groups", SeenIn: InKeys, Type: List, Check: aliases, Default: Default(""), Importance: Low,
			Group: groupTopics, Width: Wide,
			DisplayName: "Topic Creation Groups",
			Into:        Strings(&s.TopicGroups),
			Doc:         "Names of groups of settings for the topics that the connector creates, besides the group default."},
		Key{Name: "topic.creation.*", Members: Members{Names: []string{"groups"}}, Type: String, Importance: Low,
			Group: groupTopics, Width: Wide,
			Into: Family(&s.TopicSettings),
			Doc:  "Settings of a topic creation group: topic.creation.<group>.include, .exclude, .replication.factor, .partitions and any topic setting such as .cleanup.policy."},
		Key{Name: "exactly.once.support", Type: String, Default: Default("requested"),
			Into:       OneOf(&s.ExactlyOnceRequired, Word[bool]{"REQUESTED", false}, Word[bool]{"REQUIRED", true}),
			Importance: Medium, Group: groupExactlyOnce, Order: 2, Width: Short, DisplayName: "Exactly once support",
			Doc: "required refuses to start where exactly-once delivery cannot be given; requested uses it where it can."},
		Key{Name: "transaction.boundary", Type: String, Default: Default("poll"),
			Allowed: []string{"POLL", "INTERVAL", "CONNECTOR"}, Check: connectorsBoundary,
			Importance: Medium, Group: groupExactlyOnce, Order: 3, Width: Short, DisplayName: "Transaction Boundary",
			Doc: "When the Kafka transaction that holds produced records is committed: poll (after each batch), interval, or connector (as the connector decides), which no connector here does."},
		Key{Name: "transaction.boundary.interval.ms", Type: Long, Check: AtLeast(0), Importance: Low,
			Group: groupExactlyOnce, Order: 4,
			Width: Short, DisplayName: "Transaction boundary interval",
			Doc: "Time between commits in milliseconds when transaction.boundary is interval."},
		Key{Name: "offsets.storage.topic", Type: String, Check: NotEmpty, Importance: Low, Group: groupOffsets, Width: Wide,
			DisplayName: "Offsets topic",
			Doc:         "A topic of its own for this connector's source offsets; the fleet's topic if empty."},
		Key{Name: "producer.override.*", Members: Members{Names: []string{"compression.type", "max.request.size"},
			Only: true},
			Type: String, Importance: Low, Group: groupClients, Width: Wide,
			Into: Family(&s.Producer),
			Doc:  "A setting of the connector's Kafka producer, by Kafka's name: compression.type (snappy if it is not set) and max.request.size. Others have no effect, which a warning says."},
		Key{Name: "admin.override.*", Members: Members{Only: true}, Type: String, Importance: Low, Group: groupClients,
			Width: Wide,
			Doc:   "A setting of the connector's Kafka admin client. None has an effect, which a warning says: it connects as the worker does."},
	)
}

// Keys declare Kafka Connect's own keys of a sink connector (org.apache.kafka.connect.runtime.
// SinkConnectorConfig), in its order. A connector that cannot honour one declares it again with Unsupported.
func (s *Sink) Keys() []Key {
	const read = "Records are read in another form from the committed offsets on, including those that are already in the topics: it must fit what the source wrote."
	const shaped = "Rows are shaped differently from the committed offsets on; rows in the table stay as they are."
	shared := leadingTo(s.common(), map[string]Consequence{
		ValueConverterKey:        {Effect: RowsChange, Doc: read},
		ValueConverterKey + ".*": {Effect: RowsChange, Doc: read},
		TransformsKey:            {Effect: RowsChange, Doc: shaped},
		TransformsKey + ".*":     {Effect: RowsChange, Doc: shaped},
	})
	return append(shared,
		Key{Name: "topics", SeenIn: InTopics, Type: List, Default: Default(""), Importance: High,
			Group: groupCommon, Width: Wide,
			DisplayName: "Topics", Into: Strings(&s.Topics),
			Doc: "Topics to consume, separated by commas. Either topics or topics.regex is set.",
			Consequences: []Consequence{{Effect: TopicsAdded, Items: Grows, Doc: topicsAdded},
				{Effect: TopicsRemoved, Items: Shrinks, Doc: topicsRemoved}}},
		Key{Name: "topics.regex", Type: String, Default: Default(""), Importance: High, Group: groupCommon, Width: Wide,
			DisplayName:  "Topics regex",
			Into:         Text(&s.TopicsRegex),
			Doc:          "Regular expression (java.util.regex) of the topics to consume; new ones are found within seconds. Either topics or topics.regex is set.",
			Consequences: []Consequence{{Effect: TopicsAdded, Doc: topicsAdded}, {Effect: TopicsRemoved, Doc: topicsRemoved}}},
		Key{Name: "errors.deadletterqueue.topic.name", SeenIn: InTopics, Type: String, Default: Default(""), Importance: Medium,
			Group: groupErrors, Width: Middle,
			DisplayName: "Dead Letter Queue Topic Name",
			Into:        Text(&s.DeadLetterTopic),
			Doc:         "Topic for records that cannot be delivered; no such topic if empty.",
			Consequences: []Consequence{{Effect: NewTopics,
				Doc: "Dead letters go to the new topic. Those in the old one stay, and are no longer listed or replayed: replay or discard them before."}}},
		Key{Name: "errors.deadletterqueue.topic.replication.factor", Type: Int, Default: Default("3"), Importance: Medium,
			Group: groupErrors,
			Width: Middle, DisplayName: "Dead Letter Queue Topic Replication Factor",
			Into: Given(&s.ReplicationGiven, Number(&s.DeadLetterReplication)),
			Doc:  "Replication factor of the dead letter topic when it is created."},
		Key{Name: "errors.deadletterqueue.context.headers.enable", Type: Boolean, Default: Default("false"),
			Importance: Medium,
			Group:      groupErrors, Width: Middle, DisplayName: "Enable Error Context Headers",
			Doc: "Adds headers named __connect.errors.… with position and reason to dead letters."},
		Key{Name: "consumer.override.*", Type: String, Importance: Low, Group: groupClients, Width: Wide,
			Into: Family(&s.Consumer),
			Doc:  "A setting of the connector's Kafka consumer."},
		Key{Name: "producer.override.*", Type: String, Importance: Low, Group: groupClients, Width: Wide,
			Doc: "A setting of the Kafka producer that writes dead letters."},
		Key{Name: "admin.override.*", Type: String, Importance: Low, Group: groupClients, Width: Wide,
			Doc: "A setting of the connector's Kafka admin client."},
	)
}

// leadingTo adds consequences to keys, by their names.
func leadingTo(keys []Key, consequences map[string]Consequence) []Key {
	for i, key := range keys {
		if consequence, ok := consequences[key.Name]; ok {
			keys[i].Consequences = append(keys[i].Consequences, consequence)
		}
	}
	return keys
}

// converterSettings are those of JsonConverter, StringConverter and Confluent's AvroConverter that configurations have.
var converterSettings = []string{
	"schemas.enable", "schemas.cache.size", "decimal.format", "replace.null.with.default", "converter.type",
	"converter.encoding",
	"schema.registry.url", "schema.registry.basic.auth.user.info", "basic.auth.user.info", "basic.auth.credentials.source",
	"auto.register.schemas", "use.latest.version",
}

// common are the keys of org.apache.kafka.connect.runtime.ConnectorConfig.
func (c *Common) common() []Key {
	const onePlugin = "There is only the built-in version."
	return []Key{
		{Name: "name", Type: String, Required: true, Check: ConnectorName, Importance: High,
			Group: groupCommon, Width: Middle,
			DisplayName: "Connector name", Into: Text(&c.Name),
			Doc: "Name of the connector, unique among all connectors of the fleets."},
		{Name: "connector.class", Type: String, Required: true, Importance: High, Group: groupCommon, Width: Wide,
			DisplayName: "Connector class", Into: Elsewhere(),
			Doc: "Name or alias of the connector's class."},
		{Name: "connector.plugin.version", Type: String, Importance: Medium, Group: groupCommon, Width: Middle,
			DisplayName: "Connector version", Doc: "Version of the connector.", Unsupported: onePlugin},
		{Name: "tasks.max", Type: Int, Default: Default("1"), Check: Between(1, MaxTasks), Importance: High,
			Group: groupCommon, Width: Short,
			DisplayName: "Tasks max", Into: Number(&c.TasksMax),
			Doc: fmt.Sprintf("Largest number of tasks of this connector, from 1 to %d.", MaxTasks)},
		{Name: "tasks.max.enforce", Type: Boolean, Default: Default("true"), Importance: Low,
			Group: groupCommon, Width: Short,
			DisplayName: "Enforce tasks max", Doc: "Whether tasks.max is respected.",
			Unsupported: "tasks.max is always respected."},
		{Name: KeyConverterKey, Type: Class, Check: converter,
			Default: Default(record.JSONConverterClass), Importance: Low,
			Group: groupCommon, Width: Short, DisplayName: "Key converter class", Doc: "Format of record keys in Kafka."},
		{Name: KeyConverterKey + ".*", Members: Members{Names: converterSettings}, Type: String, Importance: Low,
			Group: groupCommon, Width: Short,
			Doc: "A setting of the key converter, such as key.converter.schemas.enable."},
		{Name: KeyConverterKey + ".plugin.version", Type: String, Importance: Low, Group: groupCommon, Width: Short,
			DisplayName: "Key converter version", Doc: "Version of the key converter.", Unsupported: onePlugin},
		{Name: ValueConverterKey, Type: Class, Check: converter,
			Default: Default(record.JSONConverterClass), Importance: Low,
			Group: groupCommon, Width: Short, DisplayName: "Value converter class", Doc: "Format of record values in Kafka."},
		{Name: ValueConverterKey + ".*", Members: Members{Names: converterSettings}, Type: String, Importance: Low,
			Group: groupCommon,
			Width: Short, Doc: "A setting of the value converter, such as value.converter.schemas.enable."},
		{Name: ValueConverterKey + ".plugin.version", Type: String, Importance: Low, Group: groupCommon, Width: Short,
			DisplayName: "Value converter version", Doc: "Version of the value converter.", Unsupported: onePlugin},
		{Name: HeaderConverterKey, Type: Class, Check: headerConverter,
			Default: Default(record.HeaderConverterClass), Importance: Low,
			Group: groupCommon, Width: Short, DisplayName: "Header converter class", Doc: "Format of record headers in Kafka."},
		{Name: HeaderConverterKey + ".*", Type: String, Importance: Low, Group: groupCommon, Width: Short,
			Doc: "A setting of the header converter."},
		{Name: HeaderConverterKey + ".plugin.version", Type: String, Importance: Low, Group: groupCommon, Width: Short,
			DisplayName: "Header converter version", Doc: "Version of the header converter.", Unsupported: onePlugin},
		{Name: TransformsKey, SeenIn: InKeys, Type: List, Check: aliases, Default: Default(""), Importance: Low,
			Group: groupTransforms, Order: 12, Width: Wide,
			DisplayName: "Transforms", Doc: "Names of the transformations applied to each record, in order."},
		{Name: TransformsKey + ".*", Type: String, Importance: Low, Group: groupTransforms, Width: Wide,
			Doc: "A setting of a transformation: transforms.<name>.type, transforms.<name>.predicate, transforms.<name>.negate and the transformation's own keys."},
		{Name: PredicatesKey, SeenIn: InKeys, Type: List, Check: aliases, Default: Default(""), Importance: Low,
			Group: groupPredicates, Order: 13, Width: Wide,
			DisplayName: "Predicates", Doc: "Names of the predicates that transformations refer to."},
		{Name: PredicatesKey + ".*", Type: String, Importance: Low, Group: groupPredicates, Width: Wide,
			Doc: "A setting of a predicate: predicates.<name>.type and the predicate's own keys."},
		{Name: "config.action.reload", Type: String, Default: Default("restart"), Allowed: []string{"none", "restart"},
			Cased: true, Importance: Low,
			Group: groupCommon, Order: 14, Width: Middle, DisplayName: "Reload Action",
			Doc:         "What happens when a value behind a reference (${file:…}) changes.",
			Unsupported: "References are read again whenever a task starts."},
		{Name: "errors.retry.timeout", Type: Long, Default: Default("0"), Importance: Medium,
			Group: groupErrors, Width: Middle,
			DisplayName: "Retry Timeout for Errors",
			Doc:         "How long in milliseconds a failed operation is tried again; 0 not at all, -1 for ever."},
		{Name: "errors.retry.delay.max.ms", Type: Long, Default: Default("60000"), Importance: Medium,
			Group: groupErrors, Width: Middle,
			DisplayName: "Maximum Delay Between Retries for Errors", Doc: "Longest time in milliseconds between two attempts."},
		{Name: "errors.tolerance", Type: String, Default: Default("none"), Cased: true,
			Into:       OneOf(&c.ToleratesErrors, Word[bool]{"none", false}, Word[bool]{"all", true}),
			Importance: Medium, Group: groupErrors, Width: Short,
			DisplayName: "Error Tolerance",
			Doc:         "none fails the task at the first record that cannot be processed; all passes over such records."},
		{Name: "errors.log.enable", Type: Boolean, Default: Default("false"), Importance: Medium,
			Group: groupErrors, Width: Short,
			DisplayName: "Log Errors", Doc: "Whether every error, tolerated ones included, is written to the log."},
		{Name: "errors.log.include.messages", Type: Boolean, Default: Default("false"), Importance: Medium,
			Group: groupErrors, Width: Short,
			DisplayName: "Log Error Details",
			Doc:         "Whether the log of an error names the record's topic, partition, offset and timestamp."},
	}
}

// connectorsBoundary refuses boundaries that the connector would have to define.
func connectorsBoundary(value string) error {
	if strings.EqualFold(value, "connector") {
		return Fault(
			"The connector does not support connector-defined transaction boundaries with the given configuration. Please reconfigure it to use a different transaction boundary definition.")
	}
	return nil
}

// aliases refuses a list of transformations, predicates or groups of topics that has a name twice.
func aliases(list string) error {
	names := Items(list)
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return Fault("Duplicate alias provided.")
		}
	}
	return nil
}

// NotEmpty is the Check of a key whose value must not be empty, in Kafka's words.
func NotEmpty(text string) error {
	if text == "" {
		return Fault("String must be non-empty")
	}
	return nil
}

// NotBlank is the Check of a key whose value must not be blank, in Debezium's words.
func NotBlank(text string) error {
	if strings.TrimSpace(text) == "" {
		return Fault("Must not be empty")
	}
	return nil
}

// noClass is the fault of a class that is given as an empty text.
const noClass = Fault("Class  could not be found.")

func converter(class string) error {
	if class == "" {
		return noClass
	}
	_, err := record.ConverterClass(class)
	return err
}

func headerConverter(class string) error {
	if class == "" {
		return noClass
	}
	_, err := record.HeaderConverter(class)
	return err
}

// longestName is how long a name may be to fit into the path of a request, in bytes.
const longestName = 4000

// ConnectorName rejects names that cannot be part of a URL path or a log line, some of which Kafka
// Connect accepts. A name has 1 to 4,000 bytes of UTF-8 without control characters, "/" or
// surrounding spaces.
func ConnectorName(name string) error {
	switch {
	case Trimmed(name) == "":
		return Fault("String may not be empty")
	case len(name) > longestName:
		return fmt.Errorf("a connector's name must not be longer than %d bytes", longestName)
	case Trimmed(name) != name:
		return fmt.Errorf("a connector's name must not begin or end with spaces")
	case strings.Contains(name, "/"):
		return fmt.Errorf("a connector's name must not contain '/'")
	}
	var control []string
	for _, r := range name {
		switch {
		case r < 0x20 || r >= 0x7f && r <= 0x9f:
			control = append(control, strconv.Itoa(int(r)))
		case r == '\uFFFD':
			return fmt.Errorf("a connector's name must be UTF-8")
		}
	}
	if len(control) > 0 {
		return Fault("String may not contain control sequences but had the following ASCII chars: " +
			strings.Join(control, ", "))
	}
	return nil
}

// MaxTasks is how many tasks a connector may have. Every worker counts them all, whichever it runs.
const MaxTasks = 1000

// Between makes the Check of a key whose number must be from least to most.
func Between(least, most int64) func(string) error {
	low := AtLeast(least)
	return func(value string) error {
		if err := low(value); err != nil {
			return err
		}
		if n, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64); n > most {
			return beyond(most)
		}
		return nil
	}
}

// AtLeast makes the Check of a key whose number must not be below least.
func AtLeast(least int64) func(string) error {
	return func(value string) error {
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if err != nil {
			return err
		}
		if n < least {
			return Fault(fmt.Sprintf("Value must be at least %d", least))
		}
		return nil
	}
}

// Positive makes a Check that refuses numbers below 1, or outside the type's range, in Debezium's
// words.
func Positive(t Type) func(string) error {
	return between(t, 1, Fault("A positive, non-zero "+t.word()+" value is expected"))
}

// NonNegative makes a Check that refuses numbers below 0, or outside the type's range, in
// Debezium's words.
func NonNegative(t Type) func(string) error {
	if t == Long {
		return between(t, 0, "A non-negative long value is expected")
	}
	return between(t, 0, "An non-negative integer is expected")
}

// Fits makes a Check that refuses numbers outside the range of a type that is narrower than the
// declared one.
func Fits(t Type) func(string) error { return between(t, math.MinInt64, Fault(Field.wrongType(t))) }

func (t Type) word() string {
	if t == Long {
		return "long"
	}
	return "integer"
}

func between(t Type, least int64, fault Fault) func(string) error {
	return func(value string) error {
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < least || !t.takes(value) {
			return fault
		}
		return nil
	}
}
