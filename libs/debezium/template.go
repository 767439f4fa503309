package debezium

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/record"
)

// placed is what a placeholder stands for.
type placed struct {
	value unknown
	// plan and schema belong to the column.
	plan   *columnPlan
	schema *record.Schema
}

// template is a record of placeholders.
type template struct {
	record *record.Record
	// values holds what the placeholders stand for, by ID.
	values  []placed
	scratch []byte
}

// of makes a placeholder for a value.
func (t *template) of(v placed) record.Placeholder {
	t.values = append(t.values, v)
	return record.Placeholder{ID: len(t.values) - 1}
}

// row makes a struct of placeholders for a row's columns.
func (t *template) row(in unknown, p *rowPlan, s *record.Schema) *record.StructValue {
	row := record.NewStruct(s)
	for i := range p.columns {
		row.Values[i] = t.of(placed{in, &p.columns[i], s.Fields[i].Schema})
	}
	return row
}

// block makes a struct of constants and of placeholders for values that differ.
func (t *template) block(s *record.Schema, values map[string]any) *record.StructValue {
	block := record.NewStruct(s)
	for i, f := range s.Fields {
		switch v := values[f.Name].(type) {
		case unknown:
			block.Values[i] = t.of(placed{value: v})
		default:
			block.Values[i] = v
		}
	}
	return block
}

// newTemplate makes the template for the records of changes of a shape, without headers.
func newTemplate(e *Encoder, of shape) *template {
	t := new(template)
	schemas := &e.schemas
	r := &record.Record{Topic: e.topic, Partition: -1, Offset: -1, ValueSchema: schemas.envelope}
	if e.HasKey() && of.op != Truncate {
		r.KeySchema, r.Key = schemas.key, t.row(inKey, &e.key, schemas.key)
	}
	inEnvelope := func(name string) *record.Schema {
		return schemas.envelope.Fields[schemas.envelope.Index(name)].Schema
	}
	values := map[string]any{"op": string(of.op), "ts_ms": nowMillis, "ts_us": nowMicros, "ts_ns": nowNanos,
		"source": t.source(inEnvelope("source"), e.cfg, e.rel.Schema, e.rel.Name)}
	if of.before {
		values["before"] = t.row(inBefore, &e.before, schemas.before)
	}
	if of.after {
		values["after"] = t.row(inAfter, &e.row, schemas.row)
	}
	if of.transaction {
		values["transaction"] = t.block(inEnvelope("transaction"), map[string]any{"id": transactionOf,
			"total_order": transactionOrder, "data_collection_order": transactionCollectionOrder})
	}
	r.Value, t.record = t.block(schemas.envelope, values), r
	return t
}

// source makes the source block.
func (t *template) source(s *record.Schema, cfg *Config, schema, table string) *record.StructValue {
	return t.block(s, map[string]any{
		"version": cfg.version(), "connector": "postgresql", "name": cfg.Prefix, "ts_ms": sourceMillis,
		"snapshot": sourceSnapshot, "db": cfg.Database, "sequence": sourceSequence, "ts_us": sourceMicros,
		"ts_ns": sourceNanos, "schema": schema, "table": table, "txId": sourceTxID, "lsn": sourceLSN,
		"origin": sourceOrigin, "origin_lsn": sourceOriginLSN,
	})
}

// tombstone makes the record that follows a delete.
func (t *template) tombstone(e *Encoder) *record.Record {
	of := t.record
	r := &record.Record{Topic: of.Topic, Partition: -1, Offset: -1, KeySchema: of.KeySchema,
		Headers: append([]record.Header(nil), of.Headers...)}
	if of.Key != nil {
		r.Key = t.row(inKey, &e.key, of.KeySchema)
	}
	of.Tombstone = r
	return r
}

// fill replaces placeholders by the values of an event.
func (t *template) fill(value any, c *change) (any, error) {
	switch v := value.(type) {
	case record.Placeholder:
		return t.value(&t.values[v.ID], c)
	case *record.StructValue:
		out := record.NewStruct(v.Schema)
		for i := range v.Values {
			var err error
			if out.Values[i], err = t.fill(v.Values[i], c); err != nil {
				return nil, fmt.Errorf("field %s: %w", v.Schema.Fields[i].Name, err)
			}
		}
		return out, nil
	}
	return value, nil
}

// value returns the value for which a placeholder stands.
func (t *template) value(of *placed, c *change) (any, error) {
	if of.plan == nil {
		number, text, kind := of.value.field(c, t.scratch[:0])
		switch t.scratch = text; kind {
		case numberField:
			return number, nil
		case textField:
			return string(text), nil
		}
		return nil, nil
	}
	s := step{value: of.value, column: of.plan}
	var err error
	if t.scratch, err = s.appendColumn(t.scratch[:0], c); err != nil {
		return nil, err
	}
	if text := string(t.scratch); text == "" || text == "null" && of.schema.Default != nil {
		return nil, nil // a struct distinguishes null from the default
	}
	return record.DecodeJSONValue(of.schema, t.scratch)
}
