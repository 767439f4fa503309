package record

import (
	"encoding/base64"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// HeaderBytes returns a header's value as Kafka Connect's SimpleHeaderConverter writes it: a string
// as it is, a struct, map or array in a form like JSON, other values as Java prints them. It
// returns nil for null. s may be nil.
func HeaderBytes(s *Schema, value any) []byte {
	if value == nil {
		return nil
	}
	return appendHeader([]byte{}, s, value, false)
}

// appendHeader appends a value; within another one strings are quoted.
func appendHeader(dst []byte, s *Schema, value any, embedded bool) []byte {
	if s == nil {
		s = &Schema{}
	}
	quote := func(text string) []byte {
		if embedded {
			text = `"` + strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), `"`, `\"`) + `"`
		}
		return append(dst, text...)
	}
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return quote(v)
	case []byte:
		return quote(base64.StdEncoding.EncodeToString(v))
	case Decimal:
		return append(dst, v.JavaString()...)
	case int32:
		switch s.Name {
		case DateName:
			return appendHeaderTime(dst, int64(v)*millisPerDay)
		case TimeName:
			return appendHeaderTime(dst, int64(v))
		}
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		if s.Name == TimestampName {
			return appendHeaderTime(dst, v)
		}
		return strconv.AppendInt(dst, v, 10)
	case []any:
		dst = append(dst, '[')
		for i := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendHeader(dst, s.Items, v[i], true)
		}
		return append(dst, ']')
	case Map:
		dst = append(dst, '{')
		for i := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendHeader(dst, s.Keys, v[i].Key, true), ':')
			dst = appendHeader(dst, s.Values, v[i].Value, true)
		}
		return append(dst, '}')
	case *StructValue:
		dst = append(dst, '{')
		for i, f := range v.Schema.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendHeader(dst, nil, f.Name, true), ':')
			dst = appendHeader(dst, f.Schema, v.Get(f.Name), true)
		}
		return append(dst, '}')
	}
	text, err := (&JSON{}).AppendValue(nil, nil, value)
	if err != nil {
		return dst
	}
	return append(dst, strings.Trim(string(text), `"`)...)
}

const millisPerDay = 24 * 60 * 60 * 1000

// appendHeaderTime writes a java.util.Date in the format that Kafka Connect chooses by its value alone.
func appendHeaderTime(dst []byte, millis int64) []byte {
	t := time.UnixMilli(millis).UTC()
	switch {
	case millis < millisPerDay:
		return t.AppendFormat(dst, "15:04:05.000Z")
	case millis%millisPerDay == 0:
		return t.AppendFormat(dst, "2006-01-02")
	}
	return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

// JavaString returns what BigDecimal.toString does: plain notation, or scientific where the
// exponent is far from 0.
func (d Decimal) JavaString() string {
	digits := new(big.Int).Abs(d.Value).String()
	exp := len(digits) - 1 - d.Scale
	if d.Scale >= 0 && exp >= -6 {
		return d.String()
	}
	var b strings.Builder
	if d.Value.Sign() < 0 {
		b.WriteByte('-')
	}
	b.WriteByte(digits[0])
	if len(digits) > 1 {
		b.WriteString("." + digits[1:])
	}
	if exp != 0 {
		b.WriteByte('E')
		if exp > 0 {
			b.WriteByte('+')
		}
		b.WriteString(strconv.Itoa(exp))
	}
	return b.String()
}
