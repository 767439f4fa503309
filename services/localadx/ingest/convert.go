package ingest

import (
	"bytes"
	"database/sql/driver"
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// Limits on single values in bytes, ADX's.
const (
	maxString  = 1 << 20
	maxDynamic = 1 << 20
)

// maxRow is the largest record in bytes, ADX's.
const maxRow = 64 << 20

// nullValue returns the value of a row for a missing one: a string is never null.
func nullValue(t kql.Type) driver.Value {
	if t == value.String {
		return ""
	}
	return nil
}

// fromText converts the text of a scalar to the column's type; what does not fit is null. The result may share memory
// with the text.
func fromText(t kql.Type, text []byte) driver.Value {
	if t == value.String {
		return stringValue(text)
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil
	}
	// s must not outlive text; everything kept from it is converted to another type.
	s := unsafe.String(unsafe.SliceData(text), len(text))
	switch t {
	case value.Int:
		if n, err := parseInteger(s, 32); err == nil {
			return int32(n)
		}
	case value.Long:
		if n, err := parseInteger(s, 64); err == nil {
			return n
		}
	case value.Real:
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
	case value.Decimal:
		return decimalValue(s)
	case value.Bool:
		return boolValue(s)
	case value.Datetime:
		if ticks, ok := value.ParseDatetime(s); ok {
			return ticks
		}
	case value.Timespan:
		if ticks, ok := value.ParseTimespan(s); ok {
			return ticks
		}
	case value.GUID:
		return guidValue(s)
	case value.Dynamic:
		return dynamicFromText(text)
	}
	return nil
}

// parseInteger reads decimal digits or 0x and hexadecimal ones.
func parseInteger(s string, bits int) (int64, error) {
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		return strconv.ParseInt(hex, 16, bits)
	}
	return strconv.ParseInt(s, 10, bits)
}

// stringValue cuts to the limit and makes the text valid UTF-8.
func stringValue(text []byte) driver.Value {
	if len(text) == 0 {
		return ""
	}
	if len(text) > maxString {
		text = text[:maxString]
		// A cut within a character takes the character off.
		for cut := 0; cut < utf8.UTFMax && !utf8.Valid(text[len(text)-min(len(text), utf8.UTFMax):]); cut++ {
			text = text[:len(text)-1]
		}
	}
	if !utf8.Valid(text) {
		return bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	return text
}

func boolValue(s string) driver.Value {
	switch {
	case s == "1" || strings.EqualFold(s, "true"):
		return true
	case s == "0" || strings.EqualFold(s, "false"):
		return false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n != 0
	}
	return nil
}

// decimalValue is a decimal's stored form; what a decimal cannot hold as it is is null.
func decimalValue(s string) driver.Value {
	if d, ok := value.ParseDecimal(s); ok {
		return d.Stored()
	}
	return nil
}

func guidValue(s string) driver.Value {
	s = strings.Trim(s, "{}()")
	digits := s
	if len(s) == 36 {
		if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
			return nil
		}
		digits = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	var id duckdb.UUID
	if len(digits) != 32 {
		return nil
	}
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return nil
	}
	return id
}

// dynamicFromText takes text that is JSON as that, and other text as a string.
func dynamicFromText(text []byte) driver.Value {
	if len(text) > maxDynamic {
		return nil
	}
	if end, ok := scanJSON(text, 0); ok && skipSpace(text, end) == len(text) {
		return dynamicFromJSON(text)
	}
	return value.AppendQuoted(nil, string(text))
}

// dynamicFromJSON compacts a valid JSON value; the JSON null is null.
func dynamicFromJSON(text []byte) driver.Value {
	if len(text) > maxDynamic || string(text) == "null" {
		return nil
	}
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	return compactJSON(wholeRunes(text))
}

// fromUnix converts a number of units since 1970 to a datetime; ticksPerUnit 0 means nanoseconds.
func fromUnix(text []byte, ticksPerUnit int64) driver.Value {
	s := string(bytes.TrimSpace(text))
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if ticksPerUnit == 0 {
			return inDatetimeRange(big.NewInt(n / 100))
		}
		return inDatetimeRange(new(big.Int).Mul(big.NewInt(n), big.NewInt(ticksPerUnit)))
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || len(s) > 64 || len(r.Num().Bits()) > 16 {
		return nil
	}
	if ticksPerUnit == 0 {
		r.Quo(r, big.NewRat(100, 1))
	} else {
		r.Mul(r, big.NewRat(ticksPerUnit, 1))
	}
	return inDatetimeRange(new(big.Int).Quo(r.Num(), r.Denom()))
}

// unitTicks returns the ticks of the unit that a DateTimeFromUnix transform counts, as fromUnix takes them.
func unitTicks(t Transform) int64 {
	switch t {
	case DateTimeFromUnixSeconds:
		return value.Second
	case DateTimeFromUnixMilliseconds:
		return value.Millisecond
	case DateTimeFromUnixMicroseconds:
		return value.Microsecond
	}
	return 0
}

func inDatetimeRange(sinceUnix *big.Int) driver.Value {
	ticks := sinceUnix.Add(sinceUnix, big.NewInt(value.UnixEpoch))
	if !ticks.IsInt64() || ticks.Int64() < 0 || ticks.Int64() > value.MaxDatetime {
		return nil
	}
	return ticks.Int64()
}
