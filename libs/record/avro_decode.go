package record

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/hamba/avro/v2"
)

// avroType is an Avro schema with the Connect schema it stands for.
type avroType struct {
	connect *Schema
	read    func(r *avro.Reader) any
}

// Decode reads Confluent's wire format and looks the schema up in the registry.
func (c *Avro) Decode(topic string, data []byte) (*Schema, any, error) {
	if data == nil {
		return nil, nil, nil
	}
	if len(data) < 5 || data[0] != avroMagic {
		return nil, nil, fmt.Errorf("read Avro of topic %s: the record is not in Confluent's wire format", topic)
	}
	id := int(int32(binary.BigEndian.Uint32(data[1:])))
	t, err := c.schemaOf(id)
	if err != nil {
		return nil, nil, fmt.Errorf("read Avro of topic %s: %w", topic, err)
	}
	r := avro.NewReader(nil, 0).Reset(data[5:])
	value := t.read(r)
	if r.Error != nil {
		return nil, nil, fmt.Errorf("read Avro of topic %s with schema %d: %w", topic, id, r.Error)
	}
	return t.connect, value, nil
}

func (c *Avro) schemaOf(id int) (*avroType, error) {
	c.mu.Lock()
	t := c.written[id]
	c.mu.Unlock()
	if t != nil {
		return t, nil
	}
	s, err := c.Registry.GetSchema(context.Background(), id)
	if err != nil {
		return nil, fmt.Errorf("get schema %d from the registry: %w", id, err)
	}
	if t, err = fromAvro(s, map[string]*avroType{}); err != nil {
		return nil, fmt.Errorf("schema %d: %w", id, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.written == nil || len(c.written) > maxSchemas {
		c.written = map[int]*avroType{}
	}
	c.written[id] = t
	return t, nil
}

// fromAvro turns an Avro schema into a Connect schema and a reader. records holds the named types so far.
func fromAvro(s avro.Schema, records map[string]*avroType) (*avroType, error) {
	switch v := s.(type) {
	case *avro.PrimitiveSchema:
		t, err := fromPrimitive(v)
		if err == nil {
			withConnectProperties(t.connect, v)
			t.read = logicalReader(t)
		}
		return t, err
	case *avro.RecordSchema:
		return fromRecord(v, records)
	case *avro.RefSchema:
		if t := records[v.Schema().FullName()]; t != nil {
			return t, nil
		}
		return nil, fmt.Errorf("the type %s is not defined", v.Schema().FullName())
	case *avro.EnumSchema:
		symbols := v.Symbols()
		t := &avroType{connect: &Schema{Type: String, Name: v.FullName()}, read: func(r *avro.Reader) any {
			i := int(r.ReadInt())
			if i < 0 || i >= len(symbols) {
				r.ReportError("read an enum", "the symbol's number is out of range")
				return nil
			}
			return symbols[i]
		}}
		withConnectProperties(t.connect, v)
		records[v.FullName()] = t
		return t, nil
	case *avro.FixedSchema:
		size := v.Size()
		t := &avroType{connect: &Schema{Type: Bytes}, read: func(r *avro.Reader) any {
			b := make([]byte, size)
			r.Read(b)
			return b
		}}
		withConnectProperties(t.connect, v)
		records[v.FullName()] = t
		return t, nil
	case *avro.ArraySchema:
		items, err := fromAvro(v.Items(), records)
		if err != nil {
			return nil, err
		}
		t := &avroType{connect: ArrayOf(items.connect), read: func(r *avro.Reader) any {
			out := []any{}
			readBlocks(r, func() { out = append(out, items.read(r)) })
			return out
		}}
		withConnectProperties(t.connect, v)
		return t, nil
	case *avro.MapSchema:
		values, err := fromAvro(v.Values(), records)
		if err != nil {
			return nil, err
		}
		t := &avroType{connect: &Schema{Type: MapType, Keys: Of(String), Values: values.connect}, read: func(r *avro.Reader) any {
			out := Map{}
			readBlocks(r, func() {
				key := r.ReadString()
				out = append(out, Entry{Key: key, Value: values.read(r)})
			})
			return out
		}}
		withConnectProperties(t.connect, v)
		return t, nil
	case *avro.UnionSchema:
		return fromUnion(v, records)
	}
	return nil, fmt.Errorf("an Avro schema of type %s cannot be read", s.Type())
}

func fromPrimitive(v *avro.PrimitiveSchema) (*avroType, error) {
	switch v.Type() {
	case avro.String:
		return &avroType{connect: Of(String), read: func(r *avro.Reader) any { return r.ReadString() }}, nil
	case avro.Bytes:
		return &avroType{connect: Of(Bytes), read: func(r *avro.Reader) any { return r.ReadBytes() }}, nil
	case avro.Boolean:
		return &avroType{connect: Of(Boolean), read: func(r *avro.Reader) any { return r.ReadBool() }}, nil
	case avro.Long:
		return &avroType{connect: Of(Int64), read: func(r *avro.Reader) any { return r.ReadLong() }}, nil
	case avro.Float:
		return &avroType{connect: Of(Float32), read: func(r *avro.Reader) any { return r.ReadFloat() }}, nil
	case avro.Double:
		return &avroType{connect: Of(Float64), read: func(r *avro.Reader) any { return r.ReadDouble() }}, nil
	case avro.Int:
		switch v.Prop("connect.type") {
		case "int8":
			return &avroType{connect: Of(Int8), read: func(r *avro.Reader) any { return int8(r.ReadInt()) }}, nil
		case "int16":
			return &avroType{connect: Of(Int16), read: func(r *avro.Reader) any { return int16(r.ReadInt()) }}, nil
		}
		return &avroType{connect: Of(Int32), read: func(r *avro.Reader) any { return r.ReadInt() }}, nil
	}
	return nil, fmt.Errorf("an Avro schema of type %s cannot be read", v.Type())
}

// logicalReader makes Decimals of bytes.
func logicalReader(t *avroType) func(*avro.Reader) any {
	if t.connect.Name != DecimalName || t.connect.Type != Bytes {
		return t.read
	}
	text, _ := t.connect.Param("scale")
	scale, _ := strconv.Atoi(text)
	return func(r *avro.Reader) any { return Decimal{Value: FromTwosComplement(r.ReadBytes()), Scale: scale} }
}

// withConnectProperties reads back what connectProperties notes.
func withConnectProperties(s *Schema, p interface{ Prop(string) any }) {
	if name, ok := p.Prop("connect.name").(string); ok {
		s.Name = name
	}
	if doc, ok := p.Prop("connect.doc").(string); ok {
		s.Doc = doc
	}
	switch n := p.Prop("connect.version").(type) {
	case float64:
		s.Version = int(n)
	case json.Number:
		s.Version, _ = strconv.Atoi(string(n))
	}
	params, _ := p.Prop("connect.parameters").(map[string]any)
	for _, known := range []string{"scale", "connect.decimal.precision"} { // JSON objects have lost their order
		if v, ok := params[known].(string); ok {
			s.Params = append(s.Params, Param{known, v})
			delete(params, known)
		}
	}
	for name, v := range params {
		if text, ok := v.(string); ok {
			s.Params = append(s.Params, Param{name, text})
		}
	}
}

func fromRecord(v *avro.RecordSchema, records map[string]*avroType) (*avroType, error) {
	t := &avroType{connect: &Schema{Type: Struct, Name: v.FullName()}}
	withConnectProperties(t.connect, v)
	records[v.FullName()] = t
	readers := make([]func(*avro.Reader) any, len(v.Fields()))
	for i, f := range v.Fields() {
		ft, err := fromAvro(f.Type(), records)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name(), err)
		}
		t.connect.Fields = append(t.connect.Fields, Field{Name: f.Name(), Schema: ft.connect})
		readers[i] = ft.read
	}
	t.read = func(r *avro.Reader) any {
		out := NewStruct(t.connect)
		for i := range readers {
			if r.Error != nil {
				return nil
			}
			out.Values[i] = readers[i](r)
		}
		return out
	}
	return t, nil
}

// fromUnion reads unions of null and one type, which are optional values.
func fromUnion(v *avro.UnionSchema, records map[string]*avroType) (*avroType, error) {
	types := v.Types()
	if len(types) != 2 || !v.Nullable() {
		return nil, errors.New("a union of other than null and one type cannot be read")
	}
	some := 0
	if types[0].Type() == avro.Null {
		some = 1
	}
	inner, err := fromAvro(types[some], records)
	if err != nil {
		return nil, err
	}
	t := &avroType{connect: inner.connect.AsOptional(true)}
	t.read = func(r *avro.Reader) any {
		if int(r.ReadLong()) != some {
			return nil
		}
		value := inner.read(r)
		if st, ok := value.(*StructValue); ok {
			return &StructValue{Schema: t.connect, Values: st.Values}
		}
		return value
	}
	return t, nil
}

// readBlocks calls item for each element of an array's or map's blocks.
func readBlocks(r *avro.Reader, item func()) {
	for {
		n, _ := r.ReadBlockHeader()
		if n == 0 || r.Error != nil {
			return
		}
		for ; n > 0 && r.Error == nil; n-- {
			item()
		}
	}
}
