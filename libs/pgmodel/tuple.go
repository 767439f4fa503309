package pgmodel

// Kind is what a Datum holds.
type Kind byte

const (
	// Null is SQL NULL.
	Null Kind = 'n'
	// Unchanged is a TOASTed value that an UPDATE did not change and PostgreSQL did not send.
	Unchanged Kind = 'u'
	// Text is a value in PostgreSQL's text output format.
	Text Kind = 't'
	// Absent is a column that the message does not carry at all (an old key tuple has only key
	// columns).
	Absent Kind = 'a'
)

// Datum is one column's value. Data aliases the wire buffer and is valid only until the next message is read.
type Datum struct {
	Kind Kind
	Data []byte
}

// Tuple is one row: a Datum for each column of the Relation, in its order.
type Tuple []Datum
