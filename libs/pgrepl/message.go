package pgrepl

import "github.com/calypso-cdc/calypso/libs/pgmodel"

// Kind is what a Message is.
type Kind byte

const (
	Begin    Kind = 'B'
	Commit   Kind = 'C'
	Insert   Kind = 'I'
	Update   Kind = 'U'
	Delete   Kind = 'D'
	Truncate Kind = 'T'
	// Logical is a message that a client emitted with pg_logical_emit_message.
	Logical Kind = 'M'
)

// Message is one step of the change stream. Its byte slices and tuples alias the frame from which
// it was decoded, and the Message itself is reused: nothing of it may be kept after the handler
// returns.
//
// Messages come as transactions in commit order: Begin, changes, Commit. Between transactions there
// are only Logical messages that are not transactional.
type Message struct {
	Kind Kind
	// LSN is the position that the server gave the message. Rows of one statement can share it.
	LSN LSN
	// XID is the transaction's id; set in Begin and valid until Commit. 0 for a Logical message outside transactions.
	XID uint32

	// CommitLSN (Begin, Commit) is where the commit record begins, EndLSN (Commit) where it ends, and
	// CommitTime when the commit happened, in microseconds since the Unix epoch.
	CommitLSN  LSN
	EndLSN     LSN
	CommitTime int64

	// Relation is the table of a row change, as it was at the change.
	Relation *pgmodel.Relation
	// Old is the row before the change; nil unless the server sent it. Columns outside the replica
	// identity are pgmodel.Absent unless the identity is full.
	Old pgmodel.Tuple
	// New is the row after the change, for Insert and Update.
	New pgmodel.Tuple

	// Truncated are the tables of a Truncate.
	Truncated []*pgmodel.Relation

	// Transactional, Prefix and Content belong to a Logical message.
	Transactional bool
	Prefix        []byte
	Content       []byte

	// Origin and OriginLSN are the replication origin of a transaction that came from another server,
	// and its position there; empty for local ones.
	Origin    string
	OriginLSN LSN
}

// Handler takes messages in order. An error ends the stream.
type Handler func(*Message) error

// Decoder turns frames of one output plugin into Messages. It is used by one goroutine and holds
// the state of one stream: a new stream needs a new Decoder.
type Decoder interface {
	// Decode reads one frame and calls handle for each message in it, in order.
	Decode(f *Frame, handle Handler) error
	// InTransaction reports whether the last frame left a transaction open.
	InTransaction() bool
	// PluginArgs are the plugin's options for START_REPLICATION.
	PluginArgs() []string
}

// RelationShape is a table as the stream describes it: the shape of the rows that follow.
type RelationShape struct {
	OID             uint32
	Schema          string
	Name            string
	ReplicaIdentity byte
	Columns         []ColumnShape
}

// ColumnShape is a column as the stream describes it.
type ColumnShape struct {
	Name       string
	TypeOID    uint32
	TypeMod    int32
	InIdentity bool
	// NotNull is nil if the stream does not say.
	NotNull *bool
}

// Relations returns what the catalog knows about tables that the stream names.
type Relations interface {
	// Resolve completes a shape with what the stream lacks (type names, labels, defaults, key), as the
	// catalog has it now.
	Resolve(RelationShape) (*pgmodel.Relation, error)
	// Known returns the version of a table that was read last, nil if there is none. It is for plugins
	// whose stream does not describe tables.
	Known(schema, name string) *pgmodel.Relation
	// Named reads the current version of a table from the catalog; nil if there is no such table.
	Named(schema, name string) (*pgmodel.Relation, error)
}
