package row

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

// Target is the table that rows are checked against. Nil columns check nothing.
type Target struct {
	Schema *kusto.TableSchema
	// Mapping is the ingestion mapping; nil maps fields to columns of the same name.
	Mapping *kusto.Mapping
}

// Refused says that Kusto would not keep a row as it is.
type Refused struct {
	Column string
	Reason string
	// TooLarge says that the value is longer than the column keeps.
	TooLarge bool
}

func (e *Refused) Error() string {
	if e.Column == "" {
		return e.Reason
	}
	return fmt.Sprintf("column %s: %s", e.Column, e.Reason)
}

// plan is how the rows of one schema become rows of one table. It is compiled once; applying it allocates nothing.
type plan struct {
	fields []planned
	byName map[string]int
	// fromSchema says that the fields are those of a schema, so that what it lacks no row of it has.
	fromSchema bool
	// unfilled are columns whose field the schema lacks; wanted is how many fields columns take.
	unfilled []string
	wanted   int
	// found is how many of them the last row had.
	found int
}

// planned is what a field's values are checked for or turned into. A field that no column takes has none.
type planned struct {
	name    []byte
	column  string
	kind    kusto.ColumnType
	checked bool
	convert conversion
}

// compile makes the plan of rows of a schema, nil where they carry none. added are members that do not come from the record.
func compile(s *Schema, t Target, added []Extra) *plan {
	columns := map[string]kusto.Column{} // field -> column that takes it as it is
	var order []string
	take := func(field string, c kusto.Column) {
		if _, twice := columns[field]; twice {
			c.Type = kusto.String // two columns take the field: only what neither could keep is refused
		} else {
			order = append(order, field)
		}
		columns[field] = c
	}
	switch {
	case t.Schema == nil:
	case t.Mapping != nil && t.Mapping.Kind != "csv":
		for _, m := range t.Mapping.Columns {
			if field, ok := m.Field(); ok && m.Transform == "" {
				if c, ok := t.Schema.Find(m.Column); ok {
					take(field, c)
				}
			}
		}
	default:
		for _, c := range t.Schema.Columns {
			take(c.Name, c)
		}
	}
	p := &plan{byName: map[string]int{}, fromSchema: s != nil}
	add := func(f Field) {
		e := planned{name: []byte(f.Name)}
		if c, ok := columns[f.Name]; ok {
			e.column, e.kind, e.checked = c.Name, c.Type, true
			e.convert = convert(f, c.Type)
		}
		p.byName[f.Name] = len(p.fields)
		p.fields = append(p.fields, e)
	}
	if s != nil {
		for _, f := range s.Fields {
			add(f)
		}
	}
	for _, field := range order {
		own := !slices.ContainsFunc(added, func(x Extra) bool { return x.Name == field })
		if own {
			p.wanted++
		}
		if _, known := p.byName[field]; !known {
			add(Field{Name: field})
			if own {
				p.unfilled = append(p.unfilled, columns[field].Name)
			}
		}
	}
	return p
}

// append appends the row's object to dst with its values checked and converted. Where nothing is converted that is a single copy.
func (p *plan) append(dst, object []byte) ([]byte, error) {
	if len(object) == 0 || object[0] != '{' {
		return dst, &Refused{Reason: "the row is no JSON object"}
	}
	start, copied := len(dst), 0
	expect := 0
	p.found = 0
	for i := 1; ; {
		key, value, next := member(object, i)
		if next < 0 {
			return dst[:start], &Refused{Reason: "the row is not JSON"}
		}
		if key == nil {
			return append(dst, object[copied:next]...), nil
		}
		i = next
		var f *planned
		if expect < len(p.fields) && bytes.Equal(p.fields[expect].name, key) {
			f = &p.fields[expect]
			expect++
		} else if at, ok := p.byName[string(key)]; ok {
			f = &p.fields[at]
			expect = at + 1
		}
		if f == nil || !f.checked {
			continue
		}
		p.found++
		v := object[value:next]
		reason := ""
		if f.convert != nil && !isNull(v) {
			dst = append(dst, object[copied:value]...)
			dst, reason = f.convert(dst, v)
			copied = next
		} else {
			reason = refusal(f.kind, v)
		}
		if reason != "" {
			return dst[:start], &Refused{Column: f.column, Reason: reason, TooLarge: len(v) > maxString && (f.kind == kusto.String || f.kind == kusto.Dynamic)}
		}
	}
}

// missing are the columns whose field an object lacks.
func (p *plan) missing(object []byte, added []Extra) []string {
	has := map[string]bool{}
	for i := 1; ; {
		key, _, next := member(object, i)
		if next < 0 || key == nil {
			break
		}
		has[string(key)] = true
		i = next
	}
	var columns []string
	for _, f := range p.fields {
		if f.checked && !has[string(f.name)] && !slices.ContainsFunc(added, func(x Extra) bool { return x.Name == string(f.name) }) {
			columns = append(columns, f.column)
		}
	}
	return columns
}
