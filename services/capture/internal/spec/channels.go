package spec

// Signals say where signals come from, and how the incremental snapshots that they ask for are read.
type Signals struct {
	// Table is the signal table, schema.table; empty if there is none.
	Table string
	// Topic is that of the channel kafka; empty without it.
	Topic string
	// ChunkRows is how many rows a chunk has.
	ChunkRows int
	// Watermarks is how a chunk is marked in the signal table.
	Watermarks Watermarks
	// ReadOnly forbids to write to the database, so that nothing is marked there.
	ReadOnly bool
}

// Watermarks is incremental.snapshot.watermarking.strategy.
type Watermarks string

const (
	InsertInsert Watermarks = "insert_insert"
	// InsertDelete removes the first mark, so that the signal table stays empty.
	InsertDelete Watermarks = "insert_delete"
)

// Notifications say where the progress of snapshots is told.
type Notifications struct {
	Log bool
	// Topic is empty where no topic is told.
	Topic string
}
