package debezium

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/record"
)

// compile makes the plans, the schemas and the constant parts of records.
func (e *Encoder) compile() error {
	keyJSON, valueJSON := directJSON(e.cfg.Key), directJSON(e.cfg.Value)
	if e.cfg.TransformsRecords() {
		keyJSON, valueJSON = decoded, decoded
	}
	table := e.rel.Schema + "." + e.rel.Name
	rules := &e.cfg.Columns
	var all []int
	for i := range e.rel.Columns {
		if rules.includes(table + "." + e.rel.Columns[i].Name) {
			all = append(all, i)
		}
	}
	var err error
	adjust := e.cfg.SchemaNameAdjustment
	if e.row, e.schemas.row, err = e.plan(all, adjust.SchemaName(e.topic+".Value"), valueJSON, true); err != nil {
		return err
	}
	e.schemas.row = e.schemas.row.AsOptional(true)
	if e.cfg.ListUnchanged {
		e.schemas.row = uncertain(e.schemas.row)
	}
	e.before, e.schemas.before = e.row, e.schemas.row
	if e.cfg.KnownBefore {
		e.before.known = true
		e.schemas.before = uncertain(e.schemas.row)
	}
	if key := e.cfg.KeyColumns.keyColumns(e.rel); len(key) > 0 {
		if e.key, e.schemas.key, err = e.plan(key, adjust.SchemaName(e.topic+".Key"), keyJSON, false); err != nil {
			return err
		}
	}
	e.schemas.envelope = e.envelopeSchema()
	e.source = newSourceBlock(e.cfg, e.rel.Schema, e.rel.Name, valueJSON)
	if e.cfg.TransformsRecords() {
		chain := e.cfg.Transforms.Copy() // a chain caches schemas, and other encoders run at the same time
		e.generic, e.shapes = newGeneric(e, chain), newShapes(e, chain)
		return nil
	}
	if e.keyOpen, e.keyClose, err = wrapping(keyJSON, e.schemas.key); err != nil {
		return err
	}
	e.valueOpen, e.valueClose, err = wrapping(valueJSON, e.schemas.envelope)
	return err
}

// directJSON returns c if it is the JSON converter, nil otherwise.
func directJSON(c record.Converter) *record.JSON {
	j, _ := c.(*record.JSON)
	return j
}

// wrapping returns the bytes before and after a payload.
func wrapping(c *record.JSON, s *record.Schema) (open, end []byte, err error) {
	if !c.Schemas || s == nil {
		return nil, nil, nil
	}
	open, err = c.AppendSchema([]byte(`{"schema":`), s)
	return append(open, `,"payload":`...), []byte{'}'}, err
}

// uncertain returns the schema of a row any of whose columns may be unknown: null must not be read
// as the column's default.
func uncertain(s *record.Schema) *record.Schema {
	c := *s
	c.Fields = make([]record.Field, len(s.Fields))
	for i, f := range s.Fields {
		c.Fields[i] = field(f.Name, f.Schema.AsOptional(true).WithDefault(nil))
	}
	return &c
}

func (e *Encoder) envelopeSchema() *record.Schema {
	s := &record.Schema{Type: record.Struct, Version: 2,
		Name: e.cfg.SchemaNameAdjustment.SchemaName(e.topic + ".Envelope"),
		Fields: []record.Field{
			field("before", e.schemas.before), field("after", e.schemas.row), field("source", sourceSchema()),
			field("transaction", transactionSchema()), field("op", record.Of(stringType)),
			field("ts_ms", record.OptionalOf(int64Type)), field("ts_us", record.OptionalOf(int64Type)),
			field("ts_ns", record.OptionalOf(int64Type)),
		}}
	if e.cfg.ListUnchanged {
		names := record.ArrayOf(record.Of(stringType))
		s.Fields = append(s.Fields, field("unchanged", names.AsOptional(true)))
	}
	return s
}

// plan compiles the named columns into a row plan and its schema. Columns of a type without
// representation are left out, as in Debezium; with IncludeUnknown every type has one. mapped is
// true if the column mappings apply, which is not the case for keys.
func (e *Encoder) plan(columns []int, name string, json *record.JSON, mapped bool) (rowPlan, *record.Schema, error) {
	p := rowPlan{cfg: e.cfg}
	s := &record.Schema{Type: record.Struct, Name: name}
	for _, i := range columns {
		c := &e.rel.Columns[i]
		if !mapped && e.rel.Streamed && !e.cfg.Columns.includes(e.rel.Schema+"."+e.rel.Name+"."+c.Name) {
			unread := *c // Debezium does not read the catalog's details of a column that is left out
			unread.NotNull, unread.Default = false, ""
			c = &unread
		}
		k := compiler{cfg: e.cfg, out: jsonFormat{json}}
		codec, ok := k.column(c)
		if !ok {
			continue
		}
		var mapping *ColumnMapping
		if mapped {
			mapping = e.cfg.Columns.mappingFor(e.rel.Schema+"."+e.rel.Name, c.Name, c.Type.Name)
		}
		def := defaultValue(c, &codec) // of the original column, not of the mapped one
		if err := codec.apply(mapping, c, e.rel.Streamed, k.out); err != nil {
			return p, nil, fmt.Errorf("column %s.%s.%s: %w", e.rel.Schema, e.rel.Name, c.Name, err)
		}
		codec.schema = codec.schema.AsOptional(!c.NotNull).WithDefault(def)
		cp := columnPlan{table: e.rel, column: c, index: i, codec: codec, mapping: mapping}
		fieldName := e.cfg.FieldNameAdjustment.FieldName(c.Name)
		cp.name = append(record.AppendString(nil, []byte(fieldName)), ':')
		var err error
		if cp.null, err = nullOf(&codec, json); err != nil {
			return p, nil, fmt.Errorf("column %s.%s.%s: %w", e.rel.Schema, e.rel.Name, c.Name, err)
		}
		if cp.unchanged, err = unchangedOf(&codec, json, e.cfg); err != nil {
			return p, nil, fmt.Errorf("column %s.%s.%s: %w", e.rel.Schema, e.rel.Name, c.Name, err)
		}
		p.columns = append(p.columns, cp)
		s.Fields = append(s.Fields, field(fieldName, codec.schema))
	}
	return p, s, nil
}

// nullOf returns the JSON for NULL: the default if JsonConverter replaces null by it or the column
// is NOT NULL; else null if the column may be null; else the fallback that Debezium invents for
// unknown values; nil if there is none.
func nullOf(c *codec, json *record.JSON) ([]byte, error) {
	switch {
	case c.masked != nil:
		return record.AppendString(nil, []byte(*c.masked)), nil
	case c.schema.Default != nil && (!c.schema.Optional || !json.KeepNull):
		return json.AppendValue(nil, c.schema, c.schema.Default)
	case c.schema.Optional:
		return []byte("null"), nil
	case c.fallback != nil:
		return json.AppendValue(nil, c.schema, c.fallback)
	}
	return nil, nil
}

// unchangedOf returns the JSON for a TOASTed value that was not sent; nil if there is none.
func unchangedOf(c *codec, json *record.JSON, cfg *Config) ([]byte, error) {
	if cfg.ListUnchanged || c.unchanged == nil && c.schema.Optional {
		return []byte("null"), nil
	}
	if c.unchanged == nil {
		return nil, nil
	}
	return json.AppendValue(nil, c.schema, c.unchanged)
}
