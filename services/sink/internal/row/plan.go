package row

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

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
	// lenient has values pass that Kusto would store as null or cut.
	lenient bool
	// unfilled are columns whose field the schema lacks; wanted is how many values columns take.
	unfilled []string
	wanted   int
	// demanding says that a row must have some field that columns take: no column takes the whole row.
	demanding bool
	// alien says that rows of the schema have no such field.
	alien bool
	// inImages says that columns take something within the images of a change event, before and after.
	inImages bool
	// found is how many of them the last row had, imaged that images were among them; known says that
	// it had any of the fields, and nulls that it had values which passed by leniency.
	found  int
	known  bool
	imaged bool
	nulls  bool
}

// planned is what a field's values are checked for or turned into.
type planned struct {
	name []byte
	// whole says that a column takes the value as it is; destination is that column.
	whole bool
	destination
	convert conversion
	// within are the columns that take something within the value, or what the mapping makes of it.
	within []inner
}

// destination is the column that a value goes to, and what it must be for that.
type destination struct {
	column string
	kind   kusto.ColumnType
	// unit is what the value counts, where the mapping makes a date of it; 0 elsewhere.
	unit time.Duration
}

// inner is a value within a field's.
type inner struct {
	steps []kusto.Step
	// image says that it would be within an image of a change event's row.
	image bool
	destination
}

// inImage reports whether a path leads into an image of a change event's row, with a schema around it or not.
func inImage(steps []kusto.Step) bool {
	if len(steps) > 2 && steps[0].Name == "payload" {
		steps = steps[1:]
	}
	return len(steps) > 1 && (steps[0].Name == "before" || steps[0].Name == "after")
}

func (d *destination) refusal(v []byte) string {
	if d.unit != 0 {
		return countRefusal(d.unit, v)
	}
	return refusal(d.kind, v)
}

func (d *destination) refused(reason string, v []byte) *Refused {
	return &Refused{Column: d.column, Reason: reason,
		TooLarge: len(v) > maxString && (d.kind == kusto.String || d.kind == kusto.Dynamic)}
}

// units are the transforms of a mapping that make a date of a count since 1970.
var units = map[string]time.Duration{
	"DateTimeFromUnixSeconds": time.Second, "DateTimeFromUnixMilliseconds": time.Millisecond,
	"DateTimeFromUnixMicroseconds": time.Microsecond, "DateTimeFromUnixNanoseconds": time.Nanosecond,
}

// takes are what the target's columns take from rows, by field, in the order of the columns.
func (t Target) takes() (fields []planned) {
	at := map[string]int{}
	field := func(name string) *planned {
		i, known := at[name]
		if !known {
			i = len(fields)
			at[name], fields = i, append(fields, planned{name: []byte(name)})
		}
		return &fields[i]
	}
	take := func(name string, c kusto.Column) {
		f := field(name)
		if f.whole {
			c.Type = kusto.String // two columns take the field: only what neither could keep is refused
		}
		f.whole, f.destination = true, destination{column: c.Name, kind: c.Type}
	}
	switch {
	case t.Schema == nil:
	case t.Mapping == nil || t.Mapping.Kind == "csv":
		for _, c := range t.Schema.Columns {
			take(c.Name, c)
		}
	default:
		for _, m := range t.Mapping.Columns {
			c, known := t.Schema.Find(m.Column)
			steps, ok := m.Steps()
			if !known || !ok || m.Const != "" || len(steps) == 0 || steps[0].Name == "" {
				continue
			}
			if len(steps) == 1 && m.Transform == "" {
				take(steps[0].Name, c)
				continue
			}
			to := inner{steps[1:], inImage(steps), destination{column: c.Name, kind: c.Type}}
			if m.Transform != "" {
				to.kind, to.unit = kusto.String, units[m.Transform]
			}
			f := field(steps[0].Name)
			for i := range f.within {
				if slices.Equal(f.within[i].steps, to.steps) { // as above
					f.within[i].kind, f.within[i].unit, to.kind, to.unit = kusto.String, 0, kusto.String, 0
				}
			}
			f.within = append(f.within, to)
		}
	}
	return fields
}

// compile makes the plan of rows of a schema, nil where they carry none. added are members that do
// not come from the record.
func compile(s *Schema, t Target, added []Extra) *plan {
	p := &plan{byName: map[string]int{}, fromSchema: s != nil, demanding: !t.TakesWhole()}
	if s != nil {
		for _, f := range s.Fields {
			p.byName[f.Name] = len(p.fields)
			p.fields = append(p.fields, planned{name: []byte(f.Name)})
		}
	}
	for _, f := range t.takes() {
		own := !slices.ContainsFunc(added, func(x Extra) bool { return x.Name == string(f.name) })
		if own {
			p.wanted += len(f.within)
			if f.whole {
				p.wanted++
			}
		}
		if at, known := p.byName[string(f.name)]; known {
			if f.whole {
				f.convert = convert(s.Fields[at], f.kind)
			}
			p.fields[at] = f
			continue
		}
		p.byName[string(f.name)] = len(p.fields)
		p.fields = append(p.fields, f)
		if own {
			p.unfilled = append(p.unfilled, f.columns()...)
		}
	}
	p.inImages = slices.ContainsFunc(p.fields, func(f planned) bool { return slices.ContainsFunc(f.within, isImage) })
	p.alien = p.fromSchema && p.demanding && p.wanted > 0 && len(p.unmapped()) == len(s.Fields)
	return p
}

func isImage(w inner) bool { return w.image }

// TakesWhole reports whether a column takes the whole row, or something of it that is no field.
func (t Target) TakesWhole() bool {
	if t.Schema == nil || t.Mapping == nil || t.Mapping.Kind == "csv" {
		return false
	}
	return slices.ContainsFunc(t.Mapping.Columns, func(m kusto.Mapped) bool {
		steps, ok := m.Steps()
		return m.Const == "" && (!ok || len(steps) == 0 || steps[0].Name == "")
	})
}

// columns are those that take something of the field.
func (f *planned) columns() (names []string) {
	if f.whole {
		names = append(names, f.column)
	}
	for _, w := range f.within {
		names = append(names, w.column)
	}
	return names
}

// append appends the row's object to dst with its values checked and converted. Where nothing is
// converted that is a single copy.
func (p *plan) append(dst, object []byte) ([]byte, error) {
	begin := skipSpace(object, 0)
	if begin >= len(object) || object[begin] != '{' {
		return dst, &Refused{Reason: "the row is no JSON object"}
	}
	start, copied := len(dst), begin
	expect := 0
	p.found, p.known, p.imaged, p.nulls = 0, false, false, false
	for i := begin + 1; ; {
		key, value, next := member(object, i)
		if next < 0 {
			return dst[:start], &Refused{Reason: "the row is not JSON"}
		}
		if key == nil {
			if skipSpace(object, next) != len(object) {
				return dst[:start], &Refused{Reason: "something follows the row's JSON object"}
			}
			return append(dst, object[copied:next]...), nil
		}
		i = next
		var f *planned
		if expect < len(p.fields) && bytes.Equal(p.fields[expect].name, key) {
			f = &p.fields[expect]
			expect++
		} else if at, ok := p.byName[string(name(key))]; ok {
			f = &p.fields[at]
			expect = at + 1
		}
		if f == nil {
			continue
		}
		p.known = true
		v := object[value:next]
		for k := range f.within {
			if refused := p.within(&f.within[k], v); refused != nil {
				return dst[:start], refused
			}
		}
		if !f.whole {
			continue
		}
		p.found++
		reason := ""
		if f.convert != nil && !isNull(v) {
			dst = append(dst, object[copied:value]...)
			copied = next
			mark := len(dst)
			if dst, reason = f.convert(dst, v); reason != "" && p.lenient {
				dst = append(dst[:mark], "null"...)
			}
		} else {
			reason = refusal(f.kind, v)
		}
		if reason != "" {
			if !p.lenient {
				return dst[:start], f.refused(reason, v)
			}
			p.nulls = true
		}
	}
}

// foreign says of the object that was appended last why it is no row of the table: no column takes
// any of its fields, or, of a change event, anything of its images, so that Kusto would store nothing
// but nulls in the columns that are about a row.
func (p *plan) foreign(object []byte) *Refused {
	change := p.found > 0
	if p.wanted == 0 || !p.demanding || change && (!p.inImages || p.imaged) {
		return nil
	}
	if !p.known {
		return foreignRow
	}
	lacks := false
	for i := range p.fields {
		f := &p.fields[i]
		v := find(object, string(f.name))
		if v == nil {
			continue
		}
		if f.whole && !change {
			return nil
		}
		for _, w := range f.within {
			if change && !w.image {
				continue
			}
			if possible(v, w.steps) {
				return nil
			}
			lacks = true
		}
	}
	if change && (!lacks || !isChange(object) && !isChange(find(object, "payload"))) {
		return nil
	}
	return foreignRow
}

// foreignRow is made once, since with values.check=null it may be said of every record.
var foreignRow = &Refused{
	Reason: "no column takes any of its fields, so it is no record of this table, and Kusto would store nulls alone",
}

// possible reports whether a path leads to something in a value, or is only cut short by a null.
func possible(v []byte, steps []kusto.Step) bool {
	for i := range steps {
		if isNull(v) {
			return true
		}
		next, there := descend(v, steps[i:i+1])
		if !there {
			return false
		}
		v = next
	}
	return true
}

// within looks at a value within a field's.
func (p *plan) within(w *inner, v []byte) *Refused {
	v, there := descend(v, w.steps)
	if !there {
		return nil
	}
	p.found++
	p.imaged = p.imaged || w.image
	reason := w.refusal(v)
	switch {
	case reason == "":
		return nil
	case p.lenient:
		p.nulls = true
		return nil
	}
	return w.refused(reason, v)
}

// descend follows a path into a value.
func descend(v []byte, steps []kusto.Step) (found []byte, there bool) {
	for _, s := range steps {
		if s.Name != "" {
			v = find(v, s.Name)
		} else {
			v = element(v, s.Index)
		}
		if v == nil {
			return nil, false
		}
	}
	return v, true
}

// missing are the columns whose field an object lacks. sure is false where an object that others
// are within is not there, so that nothing can be said.
func (p *plan) missing(object []byte, added []Extra) (columns []string, sure bool) {
	for _, f := range p.fields {
		if slices.ContainsFunc(added, func(x Extra) bool { return x.Name == string(f.name) }) {
			continue
		}
		v := find(object, string(f.name))
		if f.whole && v == nil {
			columns = append(columns, f.column)
		}
		for _, w := range f.within {
			if len(w.steps) == 0 {
				if v == nil {
					columns = append(columns, w.column)
				}
				continue
			}
			around, there := descend(v, w.steps[:len(w.steps)-1])
			if !there || isNull(around) {
				return nil, false
			}
			if _, there := descend(around, w.steps[len(w.steps)-1:]); !there && around[0] == '{' {
				columns = append(columns, w.column)
			}
		}
	}
	return columns, true
}
