package row

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Splitter takes values apart into schema and payload. Schemas repeat from record to record and are
// larger than the payload, so the bytes before the payload are compared with the last schema's
// instead of being read again.
type Splitter struct {
	// Mode is what schemas.enable says; Detect if it says nothing.
	Mode  SchemaMode
	last  *Schema
	known []*Schema
	// forget is called with a schema that is no longer kept; nil for none.
	forget func(*Schema)
}

// maxKnownSchemas bounds how many schemas of one topic are kept; a topic has one, or a few in the
// course of its changes.
const maxKnownSchemas = 16

// Split returns a value's schema, nil if it carries none, and its payload.
func (s *Splitter) Split(value []byte) (*Schema, []byte, error) {
	if s.Mode == WithoutSchema {
		return nil, value, nil
	}
	if s.last != nil && hasSchema(value, s.last) {
		return s.last, value[len(s.last.prefix) : len(value)-1], nil
	}
	for _, known := range s.known {
		if hasSchema(value, known) {
			s.last = known
			return known, value[len(known.prefix) : len(value)-1], nil
		}
	}
	i := skipSpace(value, 0)
	plain := func() (*Schema, []byte, error) {
		if s.Mode == WithSchema {
			return nil, nil,
				fmt.Errorf(
					"value.converter.schemas.enable is true, but the value is not {\"schema\":…,\"payload\":…}: set it to false, or produce values with schemas")
		}
		return nil, value, nil
	}
	if i >= len(value) || value[i] != '{' {
		return plain()
	}
	first, firstAt, next := member(value, i+1)
	if next < 0 || string(first) != "schema" && string(first) != "payload" {
		return plain()
	}
	firstEnd := next
	second, at, next := member(value, next)
	if next < 0 || string(second) != "schema" && string(second) != "payload" || string(first) == string(second) {
		return plain()
	}
	if end := skipSpace(value, next); end >= len(value) || value[end] != '}' {
		return plain()
	}
	text, payload := value[firstAt:firstEnd], value[at:next]
	reversed := string(first) == "payload" // as Connect's own converter never writes it, but reads it
	if reversed {
		text, payload = payload, text
	}
	if isNull(text) {
		return nil, payload, nil
	}
	if reversed {
		for _, known := range s.known {
			if bytes.Equal(known.text, text) {
				return known, payload, nil
			}
		}
	}
	schema, err := parseSchema(text)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case reversed:
		schema.text = bytes.Clone(text)
		s.know(schema)
	case value[len(value)-1] == '}' && skipSpace(value, next) == len(value)-1:
		schema.prefix = bytes.Clone(value[:at])
		s.know(schema)
		s.last = schema
	}
	return schema, payload, nil
}

func (s *Splitter) know(schema *Schema) {
	if len(s.known) == maxKnownSchemas {
		if s.forget != nil {
			s.forget(s.known[0])
		}
		s.known = slices.Delete(s.known, 0, 1)
	}
	s.known = append(s.known, schema)
}

func hasSchema(value []byte, s *Schema) bool {
	return len(s.prefix) > 0 && len(value) > len(s.prefix) && value[len(value)-1] == '}' &&
		bytes.HasPrefix(value, s.prefix)
}

type connectSchema struct {
	Type       string            `json:"type"`
	Optional   bool              `json:"optional"`
	Name       string            `json:"name"`
	Field      string            `json:"field"`
	Fields     []connectSchema   `json:"fields"`
	Parameters map[string]string `json:"parameters"`
}

func parseSchema(text []byte) (*Schema, error) {
	var c connectSchema
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("the value's schema cannot be read: %w", err)
	}
	s := &Schema{Envelope: strings.HasSuffix(c.Name, ".Envelope"), metadata: slices.Contains(metadataSchemas, c.Name)}
	rowFields := c.Fields
	if s.Envelope {
		for _, f := range c.Fields {
			if f.Field == "after" {
				rowFields = f.Fields
			}
		}
	}
	for _, f := range rowFields {
		field := Field{Name: f.Field, Type: f.Type, Optional: f.Optional, Semantic: f.Name}
		if scale, ok := f.Parameters["scale"]; ok {
			if _, err := fmt.Sscanf(scale, "%d", &field.Scale); err != nil {
				return nil, fmt.Errorf("the schema of field %s has scale %q", f.Field, scale)
			}
		}
		if precision, ok := f.Parameters["connect.decimal.precision"]; ok {
			_, _ = fmt.Sscanf(precision, "%d", &field.Precision) // only a hint
		}
		s.Fields = append(s.Fields, field)
	}
	return s, nil
}

// Envelope is a change event taken apart, without copying. A part that the event does not have is nil.
type Envelope struct {
	Before, After, Source, Transaction, Op []byte
	TsMs, TsUs, TsNs                       []byte
}

// parse takes a payload apart. rowOnly stops as soon as before and after are known, which is right
// only where a schema says that the payload is an envelope. It reports whether the payload is one.
func (e *Envelope) parse(payload []byte, rowOnly bool) (bool, error) {
	*e = Envelope{}
	i := skipSpace(payload, 0)
	if i >= len(payload) || payload[i] != '{' {
		return false, nil
	}
	for i++; ; {
		key, value, next := member(payload, i)
		if next < 0 {
			return false, errNotJSON
		}
		if key == nil {
			return e.Op != nil && e.Source != nil && (e.After != nil || e.Before != nil || isTruncate(e.Op)), nil
		}
		v := payload[value:next]
		switch string(key) {
		case "before":
			e.Before = v
		case "after":
			e.After = v
			if rowOnly && e.Before != nil && !isNull(v) {
				return true, nil
			}
		case "source":
			e.Source = v
		case "transaction":
			e.Transaction = v
		case "op":
			e.Op = v
		case "ts_ms":
			e.TsMs = v
		case "ts_us":
			e.TsUs = v
		case "ts_ns":
			e.TsNs = v
		}
		i = next
	}
}

// hasNothing reports whether an image is null or has no field.
func hasNothing(image []byte) bool {
	if isNull(image) {
		return true
	}
	begin := skipSpace(image, 0)
	if begin >= len(image) || image[begin] != '{' {
		return false
	}
	key, _, next := member(image, begin+1)
	return key == nil && next > 0
}

func isDelete(op []byte) bool { return string(op) == `"d"` }

func isTruncate(op []byte) bool { return string(op) == `"t"` }
