package avro

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// pieceSize is how much of a text is read at a time, so that memory grows with what is there and
// not with what is claimed.
const pieceSize = 1 << 16

// maxDecimal bounds a decimal's bytes and scale; Kusto's has 34 digits.
const maxDecimal = 1 << 10

// decoder writes the values of a block as JSON.
type decoder struct {
	in *bufio.Reader
	// text is the record written so far, at most limit bytes.
	text    []byte
	limit   int
	base64  bool
	scratch []byte
	// taken counts the bytes read, and empty what was read without one.
	taken int64
	empty int
}

// counted reads a record or an element. So many may have no bytes.
func (d *decoder) counted(read func() error) error {
	before := d.taken
	if err := read(); err != nil {
		return err
	}
	if d.taken == before {
		if d.empty++; d.empty > maxEmpty {
			return fmt.Errorf("the file has more than %d values without a byte", maxEmpty)
		}
	}
	return nil
}

func (d *decoder) value(s *schema, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("values are nested more than %d levels deep", maxDepth)
	}
	if len(d.text) > d.limit {
		return fmt.Errorf("it is larger than %d MB", d.limit>>20)
	}
	switch s.kind {
	case kindNull:
		d.text = append(d.text, "null"...)
	case kindBoolean:
		b, err := d.byte()
		if err != nil {
			return err
		}
		d.text = strconv.AppendBool(d.text, b != 0)
	case kindInt, kindLong:
		n, err := d.long()
		if err != nil {
			return err
		}
		d.integer(s.logical, n)
	case kindFloat:
		b, err := d.bytes(4)
		if err != nil {
			return err
		}
		d.text = value.AppendReal(d.text, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	case kindDouble:
		b, err := d.bytes(8)
		if err != nil {
			return err
		}
		d.text = value.AppendReal(d.text, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	case kindBytes, kindString:
		b, err := d.lengthAndBytes()
		if err != nil {
			return err
		}
		return d.blob(s, b)
	case kindFixed:
		b, err := d.bytes(int64(s.size))
		if err != nil {
			return err
		}
		return d.blob(s, b)
	case kindEnum:
		n, err := d.long()
		if err != nil {
			return err
		}
		if n < 0 || n >= int64(len(s.symbols)) {
			return fmt.Errorf("an enum has %d symbols and not one of index %d", len(s.symbols), n)
		}
		d.text = value.AppendQuoted(d.text, s.symbols[n])
	case kindUnion:
		n, err := d.long()
		if err != nil {
			return err
		}
		if n < 0 || n >= int64(len(s.branches)) {
			return fmt.Errorf("a union has %d types and not one of index %d", len(s.branches), n)
		}
		return d.value(s.branches[n], depth+1)
	case kindRecord:
		return d.record(s, depth)
	case kindArray:
		d.text = append(d.text, '[')
		if err := d.list(func() error { return d.value(s.items, depth+1) }); err != nil {
			return err
		}
		d.text = append(d.text, ']')
	case kindMap:
		d.text = append(d.text, '{')
		err := d.list(func() error {
			name, err := d.lengthAndBytes()
			if err != nil {
				return err
			}
			d.key(string(name))
			return d.value(s.items, depth+1)
		})
		if err != nil {
			return err
		}
		d.text = append(d.text, '}')
	}
	return nil
}

func (d *decoder) record(s *schema, depth int) error {
	d.text = append(d.text, '{')
	for i := range s.fields {
		if i > 0 {
			d.text = append(d.text, ',')
		}
		d.key(s.fields[i].name)
		if err := d.value(s.fields[i].typ, depth+1); err != nil {
			return err
		}
	}
	d.text = append(d.text, '}')
	return nil
}

func (d *decoder) key(name string) {
	d.text = value.AppendQuoted(d.text, name)
	d.text = append(d.text, ':')
}

// list reads the blocks of an array or a map. However many elements a block claims, each adds to
// the text, which is bounded.
func (d *decoder) list(element func() error) error {
	first := true
	for {
		count, err := d.long()
		if err != nil {
			return err
		}
		if count < 0 {
			// The size in bytes follows, for readers that skip the block.
			if _, err := d.long(); err != nil {
				return err
			}
			count = -count
		}
		if count < 0 {
			return errors.New("a block has an impossible number of elements")
		}
		if count == 0 {
			return nil
		}
		for range count {
			if !first {
				d.text = append(d.text, ',')
			}
			first = false
			if err := d.counted(element); err != nil {
				return err
			}
		}
	}
}

func (d *decoder) byte() (byte, error) {
	b, err := d.in.ReadByte()
	if err != nil {
		return 0, unexpected(err)
	}
	d.taken++
	return b, nil
}

// long reads a number in zigzag encoding.
func (d *decoder) long() (int64, error) {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := d.byte()
		if err != nil {
			return 0, err
		}
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return int64(n>>1) ^ -int64(n&1), nil
		}
	}
	return 0, errors.New("a number has more than ten bytes")
}

func (d *decoder) lengthAndBytes() ([]byte, error) {
	n, err := d.long()
	if err != nil {
		return nil, err
	}
	return d.bytes(n)
}

// bytes reads so many bytes; they are valid until the next call.
func (d *decoder) bytes(n int64) ([]byte, error) {
	if n < 0 || n > int64(d.limit-min(len(d.text), d.limit)) {
		return nil, fmt.Errorf("a value has %d bytes and a record may have %d MB", n, d.limit>>20)
	}
	d.scratch = d.scratch[:0]
	for len(d.scratch) < int(n) {
		piece := min(int(n)-len(d.scratch), pieceSize)
		start := len(d.scratch)
		d.scratch = slices.Grow(d.scratch, piece)[:start+piece]
		if _, err := io.ReadFull(d.in, d.scratch[start:]); err != nil {
			return nil, unexpected(err)
		}
	}
	d.taken += n
	return d.scratch, nil
}

// unexpected names an end within a value.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the block ends within it")
	}
	return err
}

func (d *decoder) blob(s *schema, b []byte) error {
	switch {
	case s.logical == "decimal" && s.kind != kindString:
		return d.decimal(b, s.scale)
	case s.kind != kindString && d.base64:
		d.text = append(d.text, '"')
		d.text = base64.StdEncoding.AppendEncode(d.text, b)
		d.text = append(d.text, '"')
	default:
		d.text = value.AppendQuoted(d.text, string(b))
	}
	return nil
}

// decimal writes a number of two's complement bytes and a scale.
func (d *decoder) decimal(b []byte, scale int) error {
	if len(b) > maxDecimal || scale < 0 || scale > maxDecimal {
		return fmt.Errorf("a decimal of %d bytes and scale %d is out of range", len(b), scale)
	}
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if n.Sign() < 0 {
		d.text = append(d.text, '-')
		n.Neg(n)
	}
	digits := n.String()
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale+1-len(digits)) + digits
	}
	d.text = append(d.text, digits[:len(digits)-scale]...)
	if scale > 0 {
		d.text = append(d.text, '.')
		d.text = append(d.text, digits[len(digits)-scale:]...)
	}
	return nil
}

// integer writes an int or long by its logical type.
func (d *decoder) integer(logical string, n int64) {
	var at time.Time
	switch logical {
	case "date":
		at = time.Unix(n*24*60*60, 0)
	case "timestamp-millis", "local-timestamp-millis":
		at = time.UnixMilli(n)
	case "timestamp-micros", "local-timestamp-micros":
		at = time.UnixMicro(n)
	case "timestamp-nanos", "local-timestamp-nanos":
		at = time.Unix(0, n)
	case "time-millis":
		d.text = value.AppendQuoted(d.text, value.FormatTimespan(n*10_000))
		return
	case "time-micros":
		d.text = value.AppendQuoted(d.text, value.FormatTimespan(n*10))
		return
	default:
		d.text = strconv.AppendInt(d.text, n, 10)
		return
	}
	d.text = append(d.text, '"')
	d.text = at.UTC().AppendFormat(d.text, time.RFC3339Nano)
	d.text = append(d.text, '"')
}
