package spec

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// Values of keys.
const (
	MissingTask  = "task"
	MissingTopic = "topic"
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
	// TasksMax is the most tasks.
	TasksMax int
	Topics   []string
	// Pattern is that of topics; nil if they are named.
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
	// Acknowledged are columns, as topic:column, that are known to no longer get values.
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
	NewTransform func() *Conversion
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

// changeColumns are the columns of a change table besides the row's own. _seq orders the changes of
// a key: it is the offset in Kafka, where a key's changes keep their order, even over a replay.
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

// Adds names the setting by which rows have a member besides their own, and says what keeps it apart
// from a field of the same name.
func (s *Spec) Adds(member string) (setting, remedy string) {
	named := func(x row.Extra) bool { return x.Name == member }
	switch {
	case slices.ContainsFunc(metadataColumns(), named):
		return "metadata.columns", "take " + member + " out of metadata.columns, or give the field another name at the source"
	case s.Rows.Changes && slices.ContainsFunc(changeColumns(), named):
		return "table.form=changes",
			"rename the column at the source, leave it out there (column.exclude.list), or use table.form=rows"
	}
	return "ExtractNewRecordState", "give what the transform adds another name (add.fields, add.fields.prefix)"
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
		c.Transform = s.NewTransform().Apply
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
