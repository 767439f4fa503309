package row

import (
	"fmt"
	"slices"
)

// fields follows which columns get values from the rows, to notice when a field was renamed or
// dropped at the source. Of rows with a schema and of change events it is known that they have all
// their fields; of others it is not, and that one lacks fields is a doubt.
type fields struct {
	last *plan
	// found is the number of fields of the last row, by which another set of fields is noticed.
	found    int
	unfilled []string
	// unmapped are the fields that no column takes, of rows with a schema that leave columns unfilled.
	unmapped []string
	wanted   int
	noted    bool
	changed  bool
	// lacking is as unfilled, of the last row that may lack fields by right; other says that it was
	// not so at the last call.
	lacking []string
	other   bool
}

func (f *fields) note(p *plan, object []byte, isEnvelope bool, added []Extra) {
	if p == f.last && (p.fromSchema || p.found == f.found) {
		return
	}
	f.last, f.found = p, p.found
	unfilled := p.unfilled
	if !p.fromSchema {
		var sure bool
		if unfilled, sure = p.missing(object, added); !sure {
			return
		}
		if !isEnvelope && !isChange(object) {
			f.lacking, f.other = unfilled, true
			return
		}
	}
	var unmapped []string
	if p.fromSchema && len(unfilled) > 0 {
		unmapped = p.unmapped()
	}
	f.changed = f.changed || !f.noted || f.wanted != p.wanted || !slices.Equal(f.unfilled, unfilled) ||
		!slices.Equal(f.unmapped, unmapped)
	f.noted, f.unfilled, f.unmapped, f.wanted = true, unfilled, unmapped, p.wanted
}

// isChange reports whether a row is a whole change event.
func isChange(object []byte) bool {
	var e Envelope
	is, err := e.parse(object, false)
	return is && err == nil
}

// Lacking returns the columns that the last row had no field for, of rows that may lack fields by
// right. It says false where nothing changed in that since the last call.
func (e *Encoder) Lacking() (columns []string, changed bool) {
	changed, e.fields.other = e.fields.other, false
	return e.fields.lacking, changed
}

// Unfilled returns the columns that the last rows had no field for. changed says that others were
// so before, as of the last call, or that other fields go into no column.
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
		if !f.whole && len(f.within) == 0 {
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

// Rereads reports whether the last record was a row of a snapshot that reads whole tables, and whether
// it was a change of the stream.
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

// Taken are the fields that columns take, or the paths into them, each with a column.
func (t Target) Taken() map[string]string {
	taken := map[string]string{}
	for _, f := range t.takes() {
		if f.whole {
			taken["field "+string(f.name)] = f.column
		}
		for _, w := range f.within {
			path := "field " + string(f.name)
			for _, s := range w.steps {
				if s.Name == "" {
					path += fmt.Sprintf("[%d]", s.Index)
					continue
				}
				path += "." + s.Name
			}
			taken[path] = w.column
		}
	}
	return taken
}
