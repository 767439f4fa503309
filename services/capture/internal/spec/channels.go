package spec

// Signals says where signals come from, and how the incremental snapshots that they ask for read
// tables.
type Signals struct {
	// Table is the signal table, schema.table; empty if there is none.
	Table string
	// Topic is the signal topic; empty if the channel kafka is not enabled.
	Topic string
	// ChunkRows is how many rows a chunk has.
	ChunkRows int
	// Watermarks is how a chunk is marked in the signal table.
	Watermarks Watermarks
	// ReadOnly forbids writing to the database, so that no marks are written to the signal table.
	ReadOnly bool
}

// Watermarks is incremental.snapshot.watermarking.strategy.
type Watermarks string

const (
	InsertInsert Watermarks = "insert_insert"
	// InsertDelete removes the first mark, so that the signal table stays empty.
	InsertDelete Watermarks = "insert_delete"
)

// Notifications says where the progress of snapshots is reported.
type Notifications struct {
	Log bool
	// Topic is the topic of notifications; empty if the channel sink is not enabled.
	Topic string
}
