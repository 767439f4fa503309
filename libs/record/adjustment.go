package record

import (
	"strconv"
	"strings"
	"unicode/utf16"
)

// Adjustment is Debezium's schema.name.adjustment.mode and field.name.adjustment.mode: how names
// are turned into ones that Avro accepts.
type Adjustment string

const (
	AdjustNone        Adjustment = "none"
	AdjustAvro        Adjustment = "avro"
	AdjustAvroUnicode Adjustment = "avro_unicode"
)

// SchemaName adjusts the name of a schema (schema.name.adjustment.mode). The dots that separate its
// parts are kept.
func (a Adjustment) SchemaName(name string) string { return a.adjust(name, true) }

// FieldName adjusts the name of a field (field.name.adjustment.mode).
func (a Adjustment) FieldName(name string) string { return a.adjust(name, false) }

func (a Adjustment) adjust(name string, dots bool) string {
	if a == AdjustNone || a == "" || name == "" {
		return name
	}
	var b strings.Builder
	for i, u := range utf16.Encode([]rune(name)) {
		c := byte(u)
		digit := u < 0x80 && c >= '0' && c <= '9'
		letter := u < 0x80 && ((c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || digit) || c == '_' && a == AdjustAvro ||
			c == '.' && dots)
		switch {
		case letter && !(i == 0 && (digit || c == '.')):
			b.WriteByte(c)
		case a == AdjustAvroUnicode:
			hex := strconv.FormatUint(uint64(u), 16)
			if len(hex) <= 2 {
				hex = "00" + hex
			}
			b.WriteString("_u" + hex)
		default:
			b.WriteByte('_')
			if i == 0 && digit {
				b.WriteByte(c)
			}
		}
	}
	return b.String()
}
