package pgrepl

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// decoderbufsRow is a RowMessage. Its slices alias the message.
type decoderbufsRow struct {
	op         uint64
	xid        uint32
	commitTime int64
	table      []byte
	new, old   []decoderbufsDatum
	// modifiers and notNull describe the types of the new columns.
	modifiers [][]byte
	notNull   []bool
}

// decoderbufsDatum is a DatumMessage: a column's name as SQL would quote it, its type's id, and at most one value.
type decoderbufsDatum struct {
	name    []byte
	typ     uint32
	field   protowire.Number // of the value; 0 for none, which is NULL
	bits    uint64           // of a number or boolean
	bytes   []byte
	missing bool // an unchanged TOASTed value
}

// Fields of DatumMessage.
const (
	datumInt32   = 3
	datumInt64   = 4
	datumFloat   = 5
	datumDouble  = 6
	datumBool    = 7
	datumString  = 8
	datumBytes   = 9
	datumPoint   = 10
	datumMissing = 11
)

// parse reads a RowMessage.
func (r *decoderbufsRow) parse(message []byte) error {
	*r = decoderbufsRow{new: r.new[:0], old: r.old[:0], modifiers: r.modifiers[:0], notNull: r.notNull[:0]}
	var failed error
	err := fields(message, func(n protowire.Number, bits uint64, b []byte) {
		switch n {
		case 1:
			r.xid = uint32(bits)
		case 2:
			r.commitTime = int64(bits)
		case 3:
			r.table = b
		case 4:
			r.op = bits
		case 5, 6:
			var c decoderbufsDatum
			if err := c.parse(b); err != nil {
				failed = err
			}
			if n == 5 {
				r.new = append(r.new, c)
			} else {
				r.old = append(r.old, c)
			}
		case 7:
			var modifier []byte
			notNull := true
			if err := fields(b, func(n protowire.Number, bits uint64, b []byte) {
				switch n {
				case 1:
					modifier = b
				case 2:
					notNull = bits == 0
				}
			}); err != nil {
				failed = err
			}
			r.modifiers, r.notNull = append(r.modifiers, modifier), append(r.notNull, notNull)
		}
	})
	return errors.Join(err, failed)
}

func (c *decoderbufsDatum) parse(message []byte) error {
	return fields(message, func(n protowire.Number, bits uint64, b []byte) {
		switch n {
		case 1:
			c.name = b
		case 2:
			c.typ = uint32(bits)
		case datumMissing:
			c.missing = bits != 0
		case datumInt32, datumInt64, datumFloat, datumDouble, datumBool, datumString, datumBytes, datumPoint:
			c.field, c.bits, c.bytes = n, bits, b
		}
	})
}

// has reports whether the column has a value other than NULL, even one that is not sent.
func (c *decoderbufsDatum) has() bool { return c.missing || c.field != 0 }

// operation reads only the operation of a RowMessage; without one it returns a value that is none
// of the known.
func operation(message []byte) (uint64, error) {
	op := uint64(math.MaxUint64)
	err := fields(message, func(n protowire.Number, bits uint64, _ []byte) {
		if n == 4 {
			op = bits
		}
	})
	return op, err
}

// fields calls each for every field of a message: with bits for numbers, with b for fields that
// have a length.
func fields(message []byte, each func(n protowire.Number, bits uint64, b []byte)) error {
	for len(message) > 0 {
		n, typ, size := protowire.ConsumeTag(message)
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		var bits uint64
		var b []byte
		switch typ {
		case protowire.VarintType:
			bits, size = protowire.ConsumeVarint(message)
		case protowire.Fixed32Type:
			var v uint32
			v, size = protowire.ConsumeFixed32(message)
			bits = uint64(v)
		case protowire.Fixed64Type:
			bits, size = protowire.ConsumeFixed64(message)
		case protowire.BytesType:
			b, size = protowire.ConsumeBytes(message)
		default:
			return fmt.Errorf("field %d of wire type %d", n, typ)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		each(n, bits, b)
	}
	return nil
}

// splitIdent splits a dotted name after its first part. Parts are quoted where SQL requires that.
func splitIdent(name string) (first, rest string) {
	if !strings.HasPrefix(name, `"`) {
		first, rest, _ = strings.Cut(name, ".")
		return first, rest
	}
	for i := 1; i < len(name); i++ {
		if name[i] != '"' {
			continue
		}
		if i+1 < len(name) && name[i+1] == '"' {
			i++
			continue
		}
		return unquote([]byte(name[:i+1])), strings.TrimPrefix(name[i+1:], ".")
	}
	return "", name
}

// unquote undoes quote_identifier.
func unquote(ident []byte) string {
	if len(ident) < 2 || ident[0] != '"' {
		return string(ident)
	}
	return strings.ReplaceAll(string(ident[1:len(ident)-1]), `""`, `"`)
}

// sameIdent reports whether ident, which may be quoted, is name.
func sameIdent(ident []byte, name string) bool {
	if len(ident) > 0 && ident[0] == '"' {
		return unquote(ident) == name
	}
	return string(ident) == name
}

// typeModifier returns the pg_attribute.atttypmod from which format_type made a text such as
// numeric(6,2), or otherwise for types with another form of modifier.
func typeModifier(oid uint32, written string, otherwise int32) int32 {
	const numeric, bpchar, varchar, bit, varbit = 1700, 1042, 1043, 1560, 1562
	_, after, ok := strings.Cut(written, "(")
	inside, _, closed := strings.Cut(after, ")")
	var p, s int
	switch n, _ := fmt.Sscanf(strings.ReplaceAll(inside, ",", " "), "%d %d", &p, &s); {
	case !ok || !closed || n == 0:
		p = -1
	}
	switch oid {
	case numeric:
		if p < 0 {
			return -1
		}
		return int32(p<<16|s&0x7ff) + 4
	case bpchar, varchar:
		if p < 0 {
			return -1
		}
		return int32(p) + 4
	case bit, varbit, oidTime, oidTimeTZ, oidTimestamp, oidTimestampTZ:
		return int32(p)
	}
	return otherwise
}
