package row

import "slices"

// fields follows which columns get values from the rows, to notice when a field was renamed or dropped at the source. It looks at rows
// of which it is known that they have all their fields: those with a schema, and change events.
type fields struct {
	last *plan
	// found is the number of fields of the last row, by which another set of fields is noticed.
	found    int
	unfilled []string
	wanted   int
	changed  bool
}

func (f *fields) note(p *plan, object []byte, isEnvelope bool, added []Extra) {
	if !p.fromSchema && !isEnvelope || p == f.last && (p.fromSchema || p.found == f.found) {
		return
	}
	unfilled := p.unfilled
	if !p.fromSchema {
		unfilled = p.missing(object, added)
	}
	f.changed = f.changed || f.last == nil || f.wanted != p.wanted || !slices.Equal(f.unfilled, unfilled)
	f.last, f.found, f.unfilled, f.wanted = p, p.found, unfilled, p.wanted
}

// Unfilled returns the columns that the last rows had no field for. changed says that others were so before, as of the last call.
func (e *Encoder) Unfilled() (columns []string, changed bool) {
	changed, e.fields.changed = e.fields.changed, false
	return e.fields.unfilled, changed
}

// Unmapped returns the fields of a record's schema that no column takes.
func (e *Encoder) Unmapped(s *Schema) []string {
	if s == nil {
		return nil
	}
	return compile(s, e.target, e.cfg.Extra).unmapped()
}

func (p *plan) unmapped() []string {
	var names []string
	for _, f := range p.fields {
		if !f.checked {
			names = append(names, string(f.name))
		}
	}
	return names
}

// Fit says of rows with the given fields which columns have none of them, and which of them no column takes.
func Fit(fields []string, t Target, added []Extra) (unfilled, unmapped []string) {
	s := &Schema{}
	for _, name := range fields {
		s.Fields = append(s.Fields, Field{Name: name})
	}
	p := compile(s, t, added)
	return p.unfilled, p.unmapped()
}

// Rereads says whether the last record was a row of a snapshot that reads whole tables, and whether it was a change of the stream.
func (e *Encoder) Rereads() (snapshot, streamed bool) {
	switch string(e.envelope.Op) {
	case `"r"`:
		mark := string(find(e.envelope.Source, "snapshot"))
		return mark != "" && mark != "null" && mark != `"incremental"` && mark != `"false"`, false
	case `"c"`, `"u"`, `"d"`:
		return false, true
	}
	return false, false
}
