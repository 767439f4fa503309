package debezium

import "github.com/twmb/franz-go/pkg/kgo"

const (
	// chunkSize is how many bytes a Batch allocates at a time.
	chunkSize = 256 << 10
	// chunkRoom is how many bytes a chunk must have left for a record to be started in it. A record
	// that turns out larger moves to an array of its own.
	chunkRoom = 8 << 10
)

// Batch is an arena of Kafka records that an Encoder appends to. Its owner passes Records to a
// producer as they are, and calls Reset once none of them is in use any longer; keys and values
// point into the arena until then. A reused Batch allocates nothing once it has grown to the
// largest size it needs. It is not safe for concurrent use.
type Batch struct {
	// Records are the records appended since the last Reset. A nil Key or Value is Kafka's null.
	// Partition is -1 if the producer chooses it, else the one that a transform asked for. Timestamp is
	// zero for the time at which the record is written, else the one that a transform gave it.
	Records []kgo.Record
	// Size is the total size of the keys, values and headers in Records, in bytes.
	Size int

	headers []kgo.RecordHeader
	chunks  [][]byte
	current int // index of the chunk in use
}

// Reset forgets all records and keeps the memory.
func (b *Batch) Reset() {
	clear(b.Records) // so that no header or topic stays alive during a shorter next use
	clear(b.headers)
	b.Records, b.headers, b.Size, b.current = b.Records[:0], b.headers[:0], 0, 0
	for i := range b.chunks {
		b.chunks[i] = b.chunks[i][:0]
	}
}

// tail returns an empty slice over the free end of the arena. Bytes appended to it become part of
// the arena with keep; without keep the next record overwrites them.
func (b *Batch) tail() []byte {
	for b.current < len(b.chunks) {
		if c := b.chunks[b.current]; cap(c)-len(c) >= chunkRoom {
			return c[len(c):]
		}
		b.current++
	}
	b.chunks = append(b.chunks, make([]byte, 0, chunkSize))
	return b.chunks[b.current]
}

// keep makes buf, which must have begun as tail, part of the arena.
func (b *Batch) keep(buf []byte) {
	c := b.chunks[b.current]
	if free := c[len(c):cap(c)]; len(buf) <= len(free) && len(buf) > 0 && &buf[0] == &free[0] {
		b.chunks[b.current] = c[:len(c)+len(buf)]
	}
}

// add appends one record whose key and value are in the arena.
func (b *Batch) add(topic string, key, value []byte, headers []kgo.RecordHeader) {
	b.Records = append(b.Records, kgo.Record{Topic: topic, Partition: -1, Key: key, Value: value, Headers: headers})
	b.grow(&b.Records[len(b.Records)-1])
}

// Mark is how full a Batch was at some time, to find or undo what was appended since.
type Mark struct{ records, size int }

// Mark returns how full the batch is.
func (b *Batch) Mark() Mark { return Mark{len(b.Records), b.Size} }

// Since returns the records appended since m.
func (b *Batch) Since(m Mark) []kgo.Record { return b.Records[m.records:] }

// Rollback removes the records that were appended since m. Their bytes stay in the arena until
// Reset, so that copies of the records stay valid for Put.
func (b *Batch) Rollback(m Mark) {
	clear(b.Records[m.records:])
	b.Records, b.Size = b.Records[:m.records], m.size
}

// Put appends a record that was made elsewhere, or removed by Rollback.
func (b *Batch) Put(r kgo.Record) {
	b.Records = append(b.Records, r)
	b.grow(&b.Records[len(b.Records)-1])
}

// grow counts a record's bytes.
func (b *Batch) grow(r *kgo.Record) {
	b.Size += len(r.Key) + len(r.Value)
	for i := range r.Headers {
		b.Size += len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
}

// joinHeaders concatenates the lists; it does not allocate if at most one of them is not empty.
func (b *Batch) joinHeaders(lists ...[]kgo.RecordHeader) []kgo.RecordHeader {
	var only []kgo.RecordHeader
	n := 0
	for _, l := range lists {
		if len(l) > 0 {
			only = l
			n++
		}
	}
	if n <= 1 {
		return only
	}
	from := len(b.headers)
	for _, l := range lists {
		b.headers = append(b.headers, l...)
	}
	return b.headers[from:len(b.headers):len(b.headers)]
}
