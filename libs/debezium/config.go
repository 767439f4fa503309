package debezium

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
)

// DecimalMode is decimal.handling.mode: how numeric and money become Kafka values.
type DecimalMode string

const (
	DecimalPrecise DecimalMode = "precise" // Connect's Decimal, or VariableScaleDecimal if the column has no scale
	DecimalDouble  DecimalMode = "double"
	DecimalString  DecimalMode = "string"
)

// TimeMode is time.precision.mode: how date, time and timestamp become Kafka values.
type TimeMode string

const (
	TimeAdaptive             TimeMode = "adaptive"
	TimeAdaptiveMicroseconds TimeMode = "adaptive_time_microseconds"
	TimeConnect              TimeMode = "connect"
	TimeISOString            TimeMode = "isostring"
	TimeMicroseconds         TimeMode = "microseconds"
	TimeNanoseconds          TimeMode = "nanoseconds"
)

// IntervalMode is interval.handling.mode.
type IntervalMode string

const (
	IntervalNumeric IntervalMode = "numeric" // microseconds, with months of 365.25/12 days
	IntervalString  IntervalMode = "string"  // ISO 8601
)

// BinaryMode is binary.handling.mode.
type BinaryMode string

const (
	BinaryBytes         BinaryMode = "bytes"
	BinaryBase64        BinaryMode = "base64"
	BinaryBase64URLSafe BinaryMode = "base64-url-safe"
	BinaryHex           BinaryMode = "hex"
)

// HStoreMode is hstore.handling.mode.
type HStoreMode string

const (
	HStoreJSON HStoreMode = "json"
	HStoreMap  HStoreMode = "map"
)

// CompatibleVersion is the version of the Debezium format that the encoders follow.
const CompatibleVersion = "3.6.3.Final"

// Config holds every setting of a connector that shapes the records of its events. The zero value
// of a mode means Debezium's default. ConfigFrom makes a Config from connector settings.
type Config struct {
	// Prefix is topic.prefix, the logical name of the server.
	Prefix string
	// Database is the captured database (source.db).
	Database string
	// Version is source.version; empty means CompatibleVersion.
	Version string
	// Task is the connector's task and Run the id of its present run, for the headers of
	// extended.headers.enabled.
	Task string
	Run  string

	Delimiter        string // topic.delimiter, "." by default
	TransactionTopic string // topic.transaction, "transaction" by default
	HeartbeatPrefix  string // topic.heartbeat.prefix, "__debezium-heartbeat" by default
	HeartbeatName    string // topic.heartbeat.name; Prefix if empty

	Decimal              DecimalMode
	Time                 TimeMode
	Interval             IntervalMode
	Binary               BinaryMode
	HStore               HStoreMode
	MoneyFractionDigits  int  // money.fraction.digits; ConfigFrom sets 2 by default
	IncludeUnknown       bool // include.unknown.datatypes: unknown types become bytes instead of being left out
	UnknownAsText        bool // with IncludeUnknown, they become readable text
	Unavailable          []byte
	TombstonesOnDelete   bool
	Skipped              Ops  // skipped.operations
	SkipUnchanged        bool // skip.messages.without.change
	TransactionMetadata  bool // provide.transaction.metadata
	ExtendedHeaders      bool // extended.headers.enabled
	SchemaNameAdjustment record.Adjustment
	FieldNameAdjustment  record.Adjustment

	// ListUnchanged adds to the envelope a last field "unchanged" with the names of the columns whose
	// TOASTed values PostgreSQL did not send, and writes null instead of placeholders for them.
	ListUnchanged bool
	// KnownBefore leaves columns that PostgreSQL did not send out of before, instead of inventing
	// fallbacks.
	KnownBefore bool

	Columns    ColumnRules
	KeyColumns KeyRules // message.key.columns

	MessageInclude javaregex.List // message.prefix.include.list
	MessageExclude javaregex.List // message.prefix.exclude.list

	// FailOnConversion is event.converting.failure.handling.mode=fail: a value that cannot be
	// converted is an error. Otherwise null replaces it, and OnConversionFailure is called if set
	// (warn); it must be cheap and must not block.
	FailOnConversion    bool
	OnConversionFailure func(*pgmodel.Relation, *pgmodel.Column, error)

	Key        record.Converter
	Value      record.Converter
	Transforms *transform.Chain // nil means none, which costs nothing
}

func (c *Config) version() string { return orDefault(c.Version, CompatibleVersion) }

// TransformsRecords reports whether records go through transforms or converters other than JSON, so
// that they cannot be written directly.
func (c *Config) TransformsRecords() bool {
	_, key := c.Key.(*record.JSON)
	_, value := c.Value.(*record.JSON)
	return c.Transforms != nil || !key || !value
}

// Ops is a set of operations.
type Ops uint8

var opBits = [...]struct {
	op  Op
	bit Ops
}{{Create, 1}, {Update, 2}, {Delete, 4}, {Truncate, 8}, {Read, 16}, {Message, 32}}

// Has reports whether op is in the set.
func (o Ops) Has(op Op) bool { return o&bitOf(op) != 0 }

// With returns the set with op in it.
func (o Ops) With(op Op) Ops { return o | bitOf(op) }

func bitOf(op Op) Ops {
	for _, b := range opBits {
		if b.op == op {
			return b.bit
		}
	}
	return 0
}

// contextHeaders returns the headers that the records of every table carry with
// extended.headers.enabled.
func (c *Config) contextHeaders() []kgo.RecordHeader {
	if !c.ExtendedHeaders {
		return nil
	}
	return []kgo.RecordHeader{
		{Key: "__debezium.context.connectorLogicalName", Value: []byte(c.Prefix)},
		{Key: "__debezium.context.taskId", Value: []byte(c.Task)},
		{Key: "__debezium.context.connectorName", Value: []byte("postgresql")},
		{Key: "__debezium.context.runId", Value: []byte(c.Run)},
	}
}
