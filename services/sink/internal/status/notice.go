package status

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Kind is what a notice is about.
type Kind int

// The kinds have the numbers that they have in the API.
const (
	// TopicDeleted says that the topic was deleted while the sink read it, and is not there.
	TopicDeleted Kind = iota + 1
	// RecordsMissing says that records were removed from the topic before the sink had read them.
	RecordsMissing
	// ColumnWithoutField says that a column no longer gets values, since no field fills it.
	ColumnWithoutField
	// Truncated says that the source truncated the table, which the target does not follow.
	Truncated
	// SnapshotRepeated says that the source was read again by a snapshot.
	SnapshotRepeated
	// TableChanging says that the table is being changed for a new schema, which its rows wait for.
	TableChanging
	// TransactionHanging says that a partition holds a transaction open that no coordinator knows of.
	TransactionHanging
	// BatchDoubled says that a batch that was sent again is in the table more than once.
	BatchDoubled
	// FieldWithoutColumn says that the column that took a field is gone, or has another name.
	FieldWithoutColumn
	// MarkForeign says that the topic of what became of dead letters has a record that no sink wrote.
	MarkForeign
	// TopicsUnlisted says that new topics of topics.regex cannot be looked for.
	TopicsUnlisted
	// ColumnRetyped says that columns of the target were given other types while rows came.
	ColumnRetyped
)

// kindNames are the names of the kinds in the timeline and in notes, which never change.
var kindNames = map[Kind]struct{ happening, noted string }{
	TopicDeleted:       {"TopicDeleted", "KIND_TOPIC_DELETED"},
	RecordsMissing:     {"RecordsMissing", "KIND_RECORDS_MISSING"},
	ColumnWithoutField: {"ColumnWithoutField", "KIND_COLUMN_WITHOUT_FIELD"},
	Truncated:          {"Truncated", "KIND_TRUNCATED"},
	SnapshotRepeated:   {"SnapshotRepeated", "KIND_SNAPSHOT_REPEATED"},
	TableChanging:      {"TableChanging", "KIND_TABLE_CHANGING"},
	TransactionHanging: {"TransactionHanging", "KIND_TRANSACTION_HANGING"},
	BatchDoubled:       {"BatchDoubled", "KIND_BATCH_DOUBLED"},
	FieldWithoutColumn: {"FieldWithoutColumn", "KIND_FIELD_WITHOUT_COLUMN"},
	MarkForeign:        {"MarkForeign", "KIND_MARK_FOREIGN"},
	TopicsUnlisted:     {"TopicsUnlisted", "KIND_TOPICS_UNLISTED"},
	ColumnRetyped:      {"ColumnRetyped", "KIND_COLUMN_RETYPED"},
}

// String is the kind's name in notes.
func (k Kind) String() string { return kindNames[k].noted }

// MarshalText implements encoding.TextMarshaler.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Kind) UnmarshalText(text []byte) error {
	for kind, names := range kindNames {
		if names.noted == string(text) {
			*k = kind
			return nil
		}
	}
	return fmt.Errorf("there is no kind of notice %.100q", text)
}

// lasting are the kinds that Lasting says yes of.
var lasting = []Kind{Truncated, SnapshotRepeated, BatchDoubled, ColumnRetyped}

// Lasting reports of a kind whether it is of something that happened once, which no later record
// tells of: such a notice stays until it is acknowledged, whatever becomes of the task, as a note
// of the connector's. Owner of these is the runtime; the registry has none of them.
func (k Kind) Lasting() bool { return slices.Contains(lasting, k) }

// Notice is something about a topic or table that the sink cannot change by itself.
type Notice struct {
	Kind  Kind   `json:"kind"`
	Topic string `json:"topic,omitempty"`
	// Table is the database.table that rows of the topic go to; empty if it is not known.
	Table string `json:"table,omitempty"`
	// Column is for notices of columns.
	Column  string `json:"column,omitempty"`
	Summary string `json:"summary,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
	// Time is when the sink saw it first, or last where it stays until it is acknowledged.
	Time time.Time `json:"time"`
}

// noteName is the name of a lasting notice's note: there is one of each kind and topic.
func (n *Notice) noteName() string { return n.Kind.String() + "." + n.Topic }

// readNote reads a note; nil if it is none of a notice that lasts, as another version may have kept.
func readNote(note []byte) *Notice {
	n := &Notice{}
	if json.Unmarshal(note, n) != nil || !n.Kind.Lasting() {
		return nil
	}
	return n
}
