package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// avroInput reads Avro's binary encoding from bytes of unknown origin. Nothing is allocated that
// the remaining bytes cannot fill, and values that take no bytes, such as a record without fields,
// are counted: a few bytes can claim 2^62 of them. After the first error all reads return zero
// values.
type avroInput struct {
	data []byte
	// values is how many values may still be read.
	values int
	err    error
}

const (
	// A record may hold freeValues values, and valuesPerByte more for each of its bytes.
	freeValues    = 64 << 10
	valuesPerByte = 16
)

func newAvroInput(data []byte) *avroInput {
	return &avroInput{data: data, values: freeValues + valuesPerByte*len(data)}
}

var errAvroEnds = errors.New("the record ends within a value")

func (in *avroInput) fail(err error) {
	if in.err == nil {
		in.err = err
	}
	in.data = nil
}

// begin counts a value. It returns false if reading cannot go on.
func (in *avroInput) begin() bool {
	if in.values--; in.values < 0 {
		in.fail(errors.New("the record claims more values than its bytes can hold"))
	}
	return in.err == nil
}

func (in *avroInput) long() int64 {
	v, n := binary.Varint(in.data)
	switch {
	case n == 0:
		in.fail(errAvroEnds)
		return 0
	case n < 0:
		in.fail(errors.New("a number has more than 64 bits"))
		return 0
	}
	in.data = in.data[n:]
	return v
}

func (in *avroInput) int() int32 {
	v := in.long()
	if v < math.MinInt32 || v > math.MaxInt32 {
		in.fail(fmt.Errorf("the number %d has more than 32 bits", v))
		return 0
	}
	return int32(v)
}

// take returns the next n bytes without copying them, nil if fewer are left.
func (in *avroInput) take(n int64) []byte {
	if n < 0 || n > int64(len(in.data)) {
		in.fail(errAvroEnds)
		return nil
	}
	b := in.data[:n:n]
	in.data = in.data[n:]
	return b
}

func (in *avroInput) bytes() []byte   { return append([]byte{}, in.take(in.long())...) }
func (in *avroInput) string() string  { return string(in.take(in.long())) }
func (in *avroInput) boolean() bool   { b := in.take(1); return len(b) == 1 && b[0] == 1 }
func (in *avroInput) float() float32  { return math.Float32frombits(uint32(in.fixed(4))) }
func (in *avroInput) double() float64 { return math.Float64frombits(in.fixed(8)) }

// fixed reads a number of n bytes in little-endian order.
func (in *avroInput) fixed(n int64) (v uint64) {
	for i, b := range in.take(n) {
		v |= uint64(b) << (8 * i)
	}
	return v
}

// blocks calls item for each element of an array's or map's blocks.
func (in *avroInput) blocks(item func()) {
	for in.err == nil {
		n := in.long()
		if n < 0 { // the block's size in bytes follows, for readers that skip it
			n = -n
			in.long()
		}
		if n == 0 {
			return
		}
		if n < 0 || n > int64(in.values) {
			in.fail(fmt.Errorf("a block claims %d elements, more than the record's bytes can hold", uint64(n)))
		}
		for ; n > 0 && in.err == nil; n-- {
			item()
		}
	}
}
