package debezium

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"github.com/calypso-cdc/calypso/libs/record"
)

// point is the codec of point: its coordinates and its well-known binary form.
func (k *compiler) point() codec {
	s := &record.Schema{Type: record.Struct, Name: "io.debezium.data.geometry.Point", Version: 1, Doc: "Geometry (POINT)",
		Fields: []record.Field{field("x", record.Of(record.Float64)), field("y", record.Of(record.Float64)),
			field("wkb", record.OptionalOf(record.Bytes)), field("srid", record.OptionalOf(record.Int32))}}
	return codec{schema: s, fallback: structOf(s, float64(0), float64(0), pointWKB(0, 0), nil), encode: encodePoint}
}

// pointWKB returns a point in little-endian well-known binary (OGC 06-103r4).
func pointWKB(x, y float64) []byte {
	b := append(make([]byte, 0, 21), 1, 1, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, floatBits(x))
	return binary.LittleEndian.AppendUint64(b, floatBits(y))
}

// floatBits is math.Float64bits with Java's only NaN.
func floatBits(f float64) uint64 {
	if math.IsNaN(f) {
		return 0x7FF8000000000000
	}
	return math.Float64bits(f)
}

func encodePoint(dst, text []byte) ([]byte, error) {
	x, y, ok := bytes.Cut(bytes.Trim(text, "()"), []byte{','})
	fx, errX := strconv.ParseFloat(string(x), 64)
	fy, errY := strconv.ParseFloat(string(y), 64)
	if !ok || errX != nil || errY != nil {
		return dst, fmt.Errorf("%q is not a point", text)
	}
	dst = record.AppendFloat64(append(dst, `{"x":`...), fx)
	dst = record.AppendFloat64(append(dst, `,"y":`...), fy)
	dst = record.AppendBase64(append(dst, `,"wkb":`...), pointWKB(fx, fy))
	return append(dst, `,"srid":null}`...), nil
}

// javaCoordinates rewrites the numbers in a geometric value as Java prints doubles.
func javaCoordinates(text []byte) []byte {
	var out []byte
	for len(text) > 0 {
		n := bytes.IndexAny(text, "()[]{}<>,")
		if n < 0 {
			n = len(text)
		}
		if f, err := strconv.ParseFloat(string(text[:n]), 64); err == nil {
			out = append(out, bytes.Trim(record.AppendFloat64(nil, f), `"`)...)
		} else {
			out = append(out, text[:n]...)
		}
		if text = text[n:]; len(text) > 0 {
			out = append(out, text[0])
			text = text[1:]
		}
	}
	return out
}

// emptyCollection is an empty geometry collection in well-known binary, which is PostGIS's empty
// geometry.
var emptyCollection = []byte{1, 7, 0, 0, 0, 0, 0, 0, 0}

// geometry is the codec of PostGIS's geometry and geography, which print as hexadecimal extended well-known binary.
func (k *compiler) geometry(name string) codec {
	title := map[string]string{"geometry": "Geometry", "geography": "Geography"}[name]
	s := &record.Schema{Type: record.Struct, Name: "io.debezium.data.geometry." + title, Version: 1, Doc: title,
		Fields: []record.Field{field("wkb", record.Of(record.Bytes)), field("srid", record.OptionalOf(record.Int32))}}
	return codec{schema: s, fallback: structOf(s, emptyCollection, nil), encode: encodeGeometry}
}

func encodeGeometry(dst, text []byte) ([]byte, error) {
	wkb := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(wkb, text); err != nil || len(wkb) < 9 {
		return dst, fmt.Errorf("%q is not a geometry in hexadecimal EWKB", text)
	}
	dst = record.AppendBase64(append(dst, `{"wkb":`...), wkb)
	dst = append(dst, `,"srid":`...)
	var order binary.ByteOrder = binary.BigEndian
	if wkb[0] != 0 {
		order = binary.LittleEndian
	}
	const withSRID = 0x20000000
	if order.Uint32(wkb[1:])&withSRID == 0 {
		return append(dst, "null}"...), nil
	}
	return append(strconv.AppendInt(dst, int64(int32(order.Uint32(wkb[5:]))), 10), '}'), nil
}

// vector is the codec of pgvector's vector and halfvec, which print as [1,2,3].
func (k *compiler) vector(name string) codec {
	item, semanticName, encode := record.Float64, "io.debezium.data.DoubleVector", encodeFloat64(k.out)
	if name == "halfvec" {
		item, semanticName, encode = record.Float32, "io.debezium.data.FloatVector", encodeFloat32(k.out)
	}
	s := record.ArrayOf(record.Of(item))
	s.Name, s.Version = semanticName, 1
	return codec{schema: s, fallback: []any{}, encode: func(dst, text []byte) ([]byte, error) {
		if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' {
			return dst, fmt.Errorf("%q is not a vector", text)
		}
		dst = append(dst, '[')
		rest := text[1 : len(text)-1]
		for first := true; len(rest) > 0; first = false {
			var number []byte
			number, rest, _ = bytes.Cut(rest, []byte{','})
			if !first {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = encode(dst, number); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}}
}

// sparseVector is the codec of pgvector's sparsevec, which prints as {1:0.5,3:2}/5.
func (k *compiler) sparseVector() codec {
	s := &record.Schema{Type: record.Struct, Name: "io.debezium.data.SparseDoubleVector", Version: 1,
		Doc: "Sparse double vector",
		Fields: []record.Field{field("dimensions", record.Of(record.Int16)),
			field("vector", &record.Schema{Type: record.MapType,
				Keys: record.Of(record.Int16), Values: record.Of(record.Float64)})}}
	encodeIndex, encodeNumber := encodeInt(k.out, 16), encodeFloat64(k.out)
	return codec{schema: s, encode: func(dst, text []byte) ([]byte, error) {
		elements, dimensions, ok := bytes.Cut(text, []byte("}/"))
		n, err := strconv.ParseInt(string(dimensions), 10, 16)
		if !ok || err != nil || len(elements) == 0 || elements[0] != '{' {
			return dst, fmt.Errorf("%q is not a sparse vector, or has more than 32767 dimensions", text)
		}
		dst = strconv.AppendInt(append(dst, `{"dimensions":`...), n, 10)
		dst = append(dst, `,"vector":[`...)
		rest := elements[1:]
		for first := true; len(rest) > 0; first = false {
			var element []byte
			element, rest, _ = bytes.Cut(rest, []byte{','})
			index, number, _ := bytes.Cut(element, []byte{':'})
			if !first {
				dst = append(dst, ',')
			}
			if dst, err = encodeIndex(append(dst, '['), index); err == nil {
				dst, err = encodeNumber(append(dst, ','), number)
			}
			if err != nil {
				return dst, err
			}
			dst = append(dst, ']')
		}
		return append(dst, "]}"...), nil
	}}
}
