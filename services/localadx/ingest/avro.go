package ingest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/hamba/avro/v2/ocf"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// avro reads an Avro object container file: each record becomes JSON and is read as that.
func (r *reading) avro(source io.Reader) error {
	decoder, err := ocf.NewDecoder(source)
	if err != nil {
		return &Error{Code: CodeInvalidBlob, Message: "The source is not an Avro container file: " + err.Error()}
	}
	records := &recordReader{root: r.plan.root, row: r.row}
	encoder := &avroEncoder{base64: r.plan.base64}
	for decoder.HasNext() {
		var record any
		if err := decoder.Decode(&record); err != nil {
			return &Error{Code: CodeInvalidBlob, Message: fmt.Sprintf("Record %d is not valid Avro: %v", r.records+1, err)}
		}
		r.begin()
		encoder.text = encoder.text[:0]
		if err := encoder.append(decoder.Schema(), record); err != nil {
			return &Error{Code: CodeInvalidBlob, Message: fmt.Sprintf("Record %d: %v", r.records, err)}
		}
		if end := records.read(encoder.text, 0); end < 0 {
			return r.invalidRecord("it cannot be written as JSON")
		}
		if err := r.done(); err != nil {
			return err
		}
	}
	if err := decoder.Error(); err != nil {
		return &Error{Code: CodeInvalidBlob, Message: "The source is not valid Avro: " + err.Error()}
	}
	return nil
}

// avroEncoder writes decoded Avro values as JSON.
type avroEncoder struct {
	text []byte
	// base64 writes bytes as base64, else they are taken as text.
	base64 bool
}

func (e *avroEncoder) append(schema avro.Schema, v any) error {
	if ref, ok := schema.(*avro.RefSchema); ok {
		schema = ref.Schema()
	}
	switch s := schema.(type) {
	case *avro.RecordSchema:
		return e.record(s, v)
	case *avro.UnionSchema:
		return e.union(s, v)
	case *avro.ArraySchema:
		items, ok := v.([]any)
		if !ok {
			return fmt.Errorf("an array of Avro came as %T", v)
		}
		return e.list('[', ']', len(items), func(i int) error { return e.append(s.Items(), items[i]) })
	case *avro.MapSchema:
		entries, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("a map of Avro came as %T", v)
		}
		keys := slices.Sorted(maps.Keys(entries))
		return e.list('{', '}', len(keys), func(i int) error {
			e.key(keys[i])
			return e.append(s.Values(), entries[keys[i]])
		})
	}
	return e.scalar(v)
}

func (e *avroEncoder) record(s *avro.RecordSchema, v any) error {
	fields, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("a record of Avro came as %T", v)
	}
	return e.list('{', '}', len(s.Fields()), func(i int) error {
		field := s.Fields()[i]
		e.key(field.Name())
		return e.append(field.Type(), fields[field.Name()])
	})
}

// union finds the type that the value has. The library gives values of some unions in a map under the type's name.
func (e *avroEncoder) union(s *avro.UnionSchema, v any) error {
	if v == nil {
		return e.scalar(nil)
	}
	if wrapped, ok := v.(map[string]any); ok && len(wrapped) == 1 {
		for name, inner := range wrapped {
			if t, _ := s.Types().Get(name); t != nil {
				return e.append(t, inner)
			}
		}
	}
	for _, t := range s.Types() {
		if t.Type() != avro.Null {
			return e.append(t, v)
		}
	}
	return fmt.Errorf("a union of Avro has no type for %T", v)
}

func (e *avroEncoder) key(name string) {
	e.text = value.AppendQuoted(e.text, name)
	e.text = append(e.text, ':')
}

func (e *avroEncoder) list(opening, closing byte, n int, each func(int) error) error {
	e.text = append(e.text, opening)
	for i := range n {
		if i > 0 {
			e.text = append(e.text, ',')
		}
		if err := each(i); err != nil {
			return err
		}
	}
	e.text = append(e.text, closing)
	return nil
}

func (e *avroEncoder) scalar(v any) error {
	switch v := v.(type) {
	case []byte:
		if e.base64 {
			e.text = value.AppendQuoted(e.text, base64.StdEncoding.EncodeToString(v))
		} else {
			e.text = value.AppendQuoted(e.text, string(v))
		}
	case string:
		e.text = value.AppendQuoted(e.text, v)
	case float32:
		e.text = value.AppendReal(e.text, float64(v))
	case float64:
		e.text = value.AppendReal(e.text, v)
	case int:
		e.text = strconv.AppendInt(e.text, int64(v), 10)
	case time.Time:
		e.text = value.AppendQuoted(e.text, v.UTC().Format(time.RFC3339Nano))
	case time.Duration:
		e.text = value.AppendQuoted(e.text, value.FormatTimespan(v.Nanoseconds()/100))
	case *big.Rat:
		e.text = append(e.text, v.FloatString(decimalScale)...)
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("write %T as JSON: %w", v, err)
		}
		e.text = append(e.text, text...)
	}
	return nil
}
