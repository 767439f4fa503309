package debezium

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/record"
)

// Keys declares the configuration keys that shape events, each with the field of c that it fills.
// Names, types, defaults, groups and importance are Debezium's; unchanged.columns.list,
// before.known.only and unknown.datatypes.as.text are ours. ReadConverters reads the rest of c.
func (c *Config) Keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "database.dbname", Type: catalogue.String, Required: true, Importance: catalogue.High, Group: "CONNECTION",
			Width: catalogue.Middle, DisplayName: "Database",
			Into: catalogue.Text(&c.Database),
			Doc:  "Database to capture; a connector captures one.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.PositionLost,
				Doc: "The slot belongs to the database in which it was created, so the task stops. Set slot.name to a slot of its own, make sure that publication.name exists or can be created there, and reset the connector's offsets to read the tables of the new database."}}},
		{Name: "skip.messages.without.change", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED", Width: catalogue.Short,
			DisplayName:  "Enable skipping messages without change",
			Into:         catalogue.Flag(&c.SkipUnchanged),
			Doc:          "Whether updates that change none of the kept columns are left out (needs replica identity FULL).",
			Consequences: rowsChange()},
		{Name: "topic.prefix", SeenIn: catalogue.InTopics, Type: catalogue.String, Aliases: []string{"database.server.name"}, Required: true,
			Check: TopicPrefix, Importance: catalogue.High, Group: "CONNECTOR", Width: catalogue.Middle,
			DisplayName: "Topic prefix",
			Into:        catalogue.Text(&c.Prefix),
			Doc:         "Logical name of the server: the first part of every topic's name and of schema names. Letters, digits, hyphen, dot and underscore.",
			Consequences: []catalogue.Consequence{
				{Effect: catalogue.NewTopics,
					Doc: "All topics get new names, and so do the schemas in the records: sinks must read the new topics. The old topics stay."},
				{Effect: catalogue.NewOffsets,
					Doc: "Positions are stored by topic.prefix, so the connector begins without one: it reads all tables again into the new topics, or with snapshot.mode=no_data continues where the slot is. The old position stays among the offsets: back under the old name it is behind the slot, and the task stops until the offsets are reset."},
			}},
		{Name: "tombstones.on.delete", Type: catalogue.Boolean, Default: catalogue.Default("true"),
			Importance: catalogue.Medium, Group: "CONNECTOR", Width: catalogue.Short,
			DisplayName:  "Change the behaviour of Debezium with regards to delete operations",
			Into:         catalogue.Flag(&c.TombstonesOnDelete),
			Doc:          "Whether a delete is followed by a record with the key and no value, which lets compaction remove the row.",
			Consequences: rowsChange()},
		{Name: "binary.handling.mode", Type: catalogue.String, Default: catalogue.Default("bytes"), Importance: catalogue.Low,
			Group: "CONNECTOR",
			Width: catalogue.Middle, DisplayName: "Binary Handling",
			Into:         catalogue.Choice(&c.Binary, BinaryBytes, BinaryBase64, BinaryBase64URLSafe, BinaryHex),
			Doc:          "Form of bytea values.",
			Consequences: valuesChange()},
		{Name: "schema.name.adjustment.mode", Type: catalogue.String, Default: catalogue.Default("none"),
			Importance: catalogue.Low, Group: "CONNECTOR",
			Width: catalogue.Middle, DisplayName: "Schema Name Adjustment",
			Into: catalogue.Choice(&c.SchemaNameAdjustment, record.AdjustNone, record.AdjustAvro, record.AdjustAvroUnicode),
			Doc:  "How schema names are made valid for a format.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.RowsChange,
				Doc: "Names of schemas and fields change from now on: paths in ADX mappings and columns must follow. Records written before stay as they are."}}},
		{Name: "field.name.adjustment.mode", Type: catalogue.String, Default: catalogue.Default("none"), Importance: catalogue.Low,
			Group: "CONNECTOR", Width: catalogue.Middle, DisplayName: "Field Name Adjustment",
			Into: catalogue.Choice(&c.FieldNameAdjustment, record.AdjustNone, record.AdjustAvro, record.AdjustAvroUnicode),
			Doc:  "How field names are made valid for a format.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.RowsChange,
				Doc: "Names of schemas and fields change from now on: paths in ADX mappings and columns must follow. Records written before stay as they are."}}},
		{Name: "event.converting.failure.handling.mode", Type: catalogue.String, Default: catalogue.Default("warn"),
			Importance: catalogue.Medium, Group: "CONNECTOR", Width: catalogue.Middle,
			DisplayName: "Event converting failure handling mode",
			Into: catalogue.OneOf(&c.FailOnConversion, catalogue.Word[bool]{Text: "fail", Means: true},
				catalogue.Word[bool]{Text: "warn"}, catalogue.Word[bool]{Text: "skip"}),
			Doc:          "What happens if a value cannot be converted: warn and skip send null instead, fail stops the task.",
			Consequences: rowsChange()},
		{Name: "decimal.handling.mode", Type: catalogue.String, Default: catalogue.Default("precise"),
			Importance: catalogue.Medium, Group: "CONNECTOR",
			Width: catalogue.Short, DisplayName: "Decimal Handling",
			Into:         catalogue.Choice(&c.Decimal, DecimalPrecise, DecimalDouble, DecimalString),
			Doc:          "Form of numeric and money values: precise (Connect's Decimal), double or string.",
			Consequences: valuesChange()},
		{Name: "time.precision.mode", Type: catalogue.String, Default: catalogue.Default("adaptive"),
			Importance: catalogue.Medium, Group: "CONNECTOR", Width: catalogue.Short, DisplayName: "Time Precision",
			Into: catalogue.Choice(&c.Time, TimeAdaptive, TimeAdaptiveMicroseconds, TimeConnect, TimeISOString,
				TimeMicroseconds, TimeNanoseconds),
			Doc:          "Form of dates and times.",
			Consequences: valuesChange()},
		{Name: "hstore.handling.mode", Type: catalogue.String, Default: catalogue.Default("json"), Importance: catalogue.Low,
			Group: "CONNECTOR", Width: catalogue.Middle,
			DisplayName:  "HStore Handling",
			Into:         catalogue.Choice(&c.HStore, HStoreJSON, HStoreMap),
			Doc:          "Form of hstore values: json or map.",
			Consequences: valuesChange()},
		{Name: "interval.handling.mode", Type: catalogue.String, Default: catalogue.Default("numeric"),
			Importance: catalogue.Low, Group: "CONNECTOR", Width: catalogue.Middle,
			DisplayName:  "Interval Handling",
			Into:         catalogue.Choice(&c.Interval, IntervalNumeric, IntervalString),
			Doc:          "Form of intervals: numeric (microseconds) or string (ISO 8601).",
			Consequences: valuesChange()},
		{Name: "message.prefix.include.list", Type: catalogue.List, Importance: catalogue.Medium, Group: "CONNECTOR",
			Width: catalogue.Wide, DisplayName: "Include Logical Decoding Message Prefixes",
			Into:         catalogue.Read(&c.MessageInclude, javaregex.ParseList),
			Doc:          "Prefixes of logical messages to capture: regular expressions, separated by commas.",
			Consequences: rowsChange()},
		{Name: "message.prefix.exclude.list", Type: catalogue.List, Importance: catalogue.Medium, Group: "CONNECTOR",
			Width: catalogue.Wide, DisplayName: "Exclude Logical Decoding Message Prefixes",
			Into:         catalogue.Read(&c.MessageExclude, javaregex.ParseList),
			Doc:          "Prefixes of logical messages not to capture.",
			Consequences: rowsChange()},
		{Name: "unavailable.value.placeholder", Type: catalogue.String, Aliases: []string{"toasted.value.placeholder"},
			Default: catalogue.Default("__debezium_unavailable_value"), Importance: catalogue.Medium, Group: "CONNECTOR",
			Width: catalogue.Middle, DisplayName: "Unavailable value placeholder",
			Into:         catalogue.Read(&c.Unavailable, parsePlaceholder),
			Doc:          "Value that replaces an unchanged TOASTed value; hex:… gives its bytes.",
			Consequences: valuesChange()},
		{Name: "skipped.operations", Type: catalogue.List, Default: catalogue.Default("t"), Check: operations,
			Importance: catalogue.Low, Group: "CONNECTOR", Width: catalogue.Short, DisplayName: "Skipped Operations",
			Into:         catalogue.Read(&c.Skipped, parseOps),
			Doc:          "Operations to leave out: c, u, d, t (truncate), separated by commas, or none.",
			Consequences: rowsChange()},
		{Name: "unchanged.columns.list", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Medium, Group: "CONNECTOR", Width: catalogue.Short,
			DisplayName:  "List Unchanged TOASTed Columns",
			Into:         catalogue.Flag(&c.ListUnchanged),
			Doc:          "Whether events name the columns whose TOASTed values PostgreSQL did not send, in a last field unchanged of the envelope, and have null instead of a placeholder for them.",
			Consequences: rowsChange()},
		{Name: "before.known.only", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Medium, Group: "CONNECTOR", Width: catalogue.Short,
			DisplayName:  "Only Known Columns in before",
			Into:         catalogue.Flag(&c.KnownBefore),
			Doc:          "Whether before leaves out columns that PostgreSQL did not send, instead of filling NOT NULL ones with zeros and defaults as Debezium does.",
			Consequences: rowsChange()},
		{Name: "unknown.datatypes.as.text", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Medium, Group: "CONNECTOR", Width: catalogue.Short, DisplayName: "Unknown Types as Text",
			Into:         catalogue.Flag(&c.UnknownAsText),
			Doc:          "With include.unknown.datatypes, whether values of types that Debezium does not know are sent as their text instead of its bytes.",
			Consequences: valuesChange()},
		{Name: "topic.delimiter", Type: catalogue.String, Default: catalogue.Default("."), Importance: catalogue.Low,
			Group: "CONNECTOR", Width: catalogue.Short, DisplayName: "Topic delimiter",
			Into: catalogue.Text(&c.Delimiter),
			Doc:  "Separator between the parts of a topic's name.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.NewTopics,
				Doc: "All topics get new names: sinks must read the new topics. The old topics stay."}}},
		{Name: "topic.transaction", SeenIn: catalogue.InTopics, Type: catalogue.String, Default: catalogue.Default("transaction"),
			Importance: catalogue.Low, Group: "CONNECTOR", Width: catalogue.Middle, DisplayName: "Transaction topic",
			Into: catalogue.Text(&c.TransactionTopic),
			Doc:  "Last part of the name of the topic of transaction metadata."},
		{Name: "money.fraction.digits", Type: catalogue.Int, Default: catalogue.Default("2"), Importance: catalogue.Low,
			Group: "CONNECTOR", Width: catalogue.Short, DisplayName: "Money fraction digits",
			Into:         catalogue.Number(&c.MoneyFractionDigits),
			Doc:          "Digits after the decimal point of money values.",
			Consequences: valuesChange()},
		{Name: "provide.transaction.metadata", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Low, Group: "CONNECTOR_ADVANCED", Width: catalogue.Short,
			DisplayName:  "Store transaction metadata information in a dedicated topic.",
			Into:         catalogue.Flag(&c.TransactionMetadata),
			Doc:          "Whether BEGIN and END of transactions go to a topic, and events carry their place in the transaction.",
			Consequences: rowsChange()},
		{Name: "message.key.columns", Type: catalogue.String, Check: catalogue.Newly(noGaps, catalogue.NotBlank),
			Importance: catalogue.Medium, Group: "CONNECTOR_ADVANCED", Width: catalogue.Wide, DisplayName: "Columns PK mapping",
			Into: catalogue.Read(&c.KeyColumns, ParseKeyRules),
			Doc:  "Columns that form the key instead of the primary key: schema.table:column,column, separated by semicolons; the table is a regular expression.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.KeysChange,
				Doc: "Records of a row get another key from now on, and so may go to another partition: their order across this change is not kept, and compaction keeps the last record under the old key."}}},
		{Name: "column.mask.hash.*", Pattern: "column.mask.hash.([^.]+).with.salt.(.+)", Type: catalogue.String,
			Importance: catalogue.Medium, Group: "CONNECTOR_ADVANCED", Width: catalogue.Wide,
			DisplayName:  "Mask Columns Using Hash and Salt",
			Members:      catalogue.Members{Secret: hashMember},
			Into:         catalogue.ReadFamily(&c.Columns.Hash, parseHashes),
			Doc:          "column.mask.hash.<algorithm>.with.salt.<salt> (and column.mask.hash.v2.…): columns, as regular expressions of schema.table.column, whose values are replaced by a hash.",
			Consequences: rowsChange()},
		{Name: "column.mask.with.*", Pattern: "column.mask.with.(d+).chars", Type: catalogue.String,
			Importance: catalogue.Medium, Group: "CONNECTOR_ADVANCED", DisplayName: "Mask Columns With n Asterisks",
			Into:         catalogue.ReadFamily(&c.Columns.Mask, parseMasks),
			Doc:          "column.mask.with.<n>.chars: columns whose values are replaced by n asterisks.",
			Consequences: rowsChange()},
		{Name: "column.truncate.to.*", Pattern: "column.truncate.to.(d+).chars", Type: catalogue.String,
			Importance: catalogue.Medium, Group: "CONNECTOR_ADVANCED", DisplayName: "Truncate Columns To n Characters",
			Into:         catalogue.ReadFamily(&c.Columns.Truncate, parseTruncations),
			Doc:          "column.truncate.to.<n>.chars: columns whose values are cut to n characters.",
			Consequences: rowsChange()},
		{Name: "column.propagate.source.type", Type: catalogue.List, Importance: catalogue.Medium,
			Group: "CONNECTOR_ADVANCED", DisplayName: "Propagate Source Types by Columns",
			Into:         catalogue.Read(&c.Columns.Propagate, javaregex.ParseList),
			Doc:          "Columns (regular expressions of schema.table.column) whose source type is added to the schema as parameters.",
			Consequences: rowsChange()},
		{Name: "datatype.propagate.source.type", Type: catalogue.List, Importance: catalogue.Medium,
			Group: "CONNECTOR_ADVANCED", DisplayName: "Propagate Source Types by Data Type",
			Into:         catalogue.Read(&c.Columns.PropagateTypes, javaregex.ParseList),
			Doc:          "Types (regular expressions of schema.table.type or type) whose columns get their source type added to the schema as parameters.",
			Consequences: rowsChange()},
		{Name: "include.unknown.datatypes", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Medium, Group: "CONNECTOR_ADVANCED", Width: catalogue.Short,
			DisplayName:  "Include unknown datatypes",
			Into:         catalogue.Flag(&c.IncludeUnknown),
			Doc:          "Whether columns of types without a mapping are sent as bytes; otherwise they are left out.",
			Consequences: valuesChange()},
		{Name: "extended.headers.enabled", Type: catalogue.Boolean, Default: catalogue.Default("true"),
			Importance: catalogue.Low, Group: "ADVANCED", Width: catalogue.Short, DisplayName: "Enable/Disable extended headers",
			Into: catalogue.Flag(&c.ExtendedHeaders),
			Doc:  "Whether the records of tables carry the headers __debezium.context.connectorLogicalName, taskId, connectorName and runId, which changes with each start of the task."},
		{Name: "heartbeat.topics.prefix", SeenIn: catalogue.InTopics, Type: catalogue.String, Aliases: []string{"topic.heartbeat.prefix"},
			Default: catalogue.Default("__debezium-heartbeat"), Importance: catalogue.Low, Group: "ADVANCED_HEARTBEAT",
			Width: catalogue.Middle, DisplayName: "A prefix used for naming of heartbeat topics",
			Into: catalogue.Text(&c.HeartbeatPrefix),
			Doc:  "First part of the heartbeat topic's name."},
		{Name: "topic.heartbeat.name", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.Low,
			Group: "ADVANCED_HEARTBEAT", Width: catalogue.Middle, DisplayName: "Heartbeat topic name",
			Into: catalogue.Text(&c.HeartbeatName),
			Doc:  "Last part of the heartbeat topic's name; topic.prefix if empty."},
		{Name: "column.exclude.list", Type: catalogue.List, Aliases: []string{"column.blacklist"},
			Importance: catalogue.Medium, Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Exclude Columns",
			Into:         catalogue.Read(&c.Columns.Exclude, javaregex.ParseList),
			Doc:          "Columns to leave out of values; not together with column.include.list.",
			Consequences: rowsChange()},
		{Name: "column.include.list", Type: catalogue.List, Aliases: []string{"column.whitelist"},
			Importance: catalogue.Medium, Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Include Columns",
			Into:         catalogue.Read(&c.Columns.Include, javaregex.ParseList),
			Doc:          "Columns to keep in values: regular expressions of schema.table.column, separated by commas. Keys always keep their columns.",
			Consequences: rowsChange()},
	}
}

// rowsChange is the consequence of changing keys that decide which records are written and which
// fields they have.
func rowsChange() []catalogue.Consequence {
	return []catalogue.Consequence{{Effect: catalogue.RowsChange,
		Doc: "From now on other records are written, or records with other fields: sinks, ADX mappings and columns must accept both. Records written before stay as they are."}}
}

// valuesChange is the consequence of changing keys that decide the form of values.
func valuesChange() []catalogue.Consequence {
	return []catalogue.Consequence{{Effect: catalogue.RowsChange,
		Doc: "From now on values have another form, and another type in the schema: consumers, ADX mappings and column types must accept both. Records written before stay as they are."}}
}

var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// TopicPrefix checks the value of topic.prefix.
func TopicPrefix(value string) error {
	if !prefixPattern.MatchString(value) {
		return fmt.Errorf("%s has invalid format (only the underscore, hyphen, dot and alphanumeric characters are allowed)",
			value)
	}
	return nil
}

// noGaps refuses empty rules of message.key.columns, except at the end.
func noGaps(rules string) error {
	for rule := range strings.SplitSeq(strings.TrimRight(rules, ";"), ";") {
		if strings.TrimSpace(rule) == "" && strings.Trim(rules, ";") != "" {
			return fmt.Errorf("%s has an empty rule between semicolons: want table:column,column;table:column", rules)
		}
	}
	return nil
}

// operations checks skipped.operations; its errors are in Debezium's words.
func operations(list string) error {
	names := catalogue.Items(strings.TrimRight(list, ","))
	known := []string{"c", "u", "d", "t", "r", "m", "none"}
	if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(known, name) }) {
		return catalogue.Fault("Invalid operation")
	}
	if len(names) > 1 && slices.Contains(names, "none") {
		return catalogue.Fault("'none' cannot be specified with other skipped operation types")
	}
	return nil
}
