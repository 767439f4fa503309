package row

import (
	"bytes"
	"slices"
)

// order lists the fields of a row by their position in csv: a csv mapping's ordinals, else the table's columns.
func (t Target) order() []string {
	var names []string
	switch {
	case t.Mapping != nil:
		for _, m := range t.Mapping.Columns {
			if m.Const != "" || m.Ordinal < 0 || m.Ordinal >= maxColumns {
				continue
			}
			for len(names) <= m.Ordinal {
				names = append(names, "")
			}
			names[m.Ordinal] = m.Column
		}
	case t.Schema != nil:
		for _, c := range t.Schema.Columns {
			names = append(names, c.Name)
		}
	}
	return names
}

// maxColumns is how many columns a table may have.
const maxColumns = 10_000

// csvWriter turns rows written as JSON into rows of csv. Null and absent fields are empty, texts
// are quoted where they must be, and an empty text is "" so that it differs from null.
type csvWriter struct {
	order  []string
	values [][]byte
	line   []byte
}

// rewrite replaces the object at the end of dst by its line.
func (w *csvWriter) rewrite(dst []byte, start int) ([]byte, error) {
	if w.values == nil {
		w.values = make([][]byte, len(w.order))
	}
	clear(w.values)
	object := dst[start:]
	for i := 1; ; {
		key, value, next := member(object, i)
		if next < 0 {
			return dst[:start], errNotJSON
		}
		if key == nil {
			break
		}
		if at := slices.Index(w.order, string(name(key))); at >= 0 {
			w.values[at] = object[value:next]
		}
		i = next
	}
	w.line = w.line[:0]
	for i, v := range w.values {
		if i > 0 {
			w.line = append(w.line, ',')
		}
		if isNull(v) {
			continue
		}
		text := v
		if v[0] == '"' {
			text = v[1 : len(v)-1]
			if bytes.IndexByte(text, '\\') >= 0 {
				plain, ok := unquote(v)
				if !ok {
					return dst[:start], errNotJSON
				}
				text = plain
			}
		}
		if v[0] != '"' && v[0] != '{' && v[0] != '[' || len(text) > 0 && !bytes.ContainsAny(text, ",\"\r\n ") {
			w.line = append(w.line, text...)
			continue
		}
		w.line = append(w.line, '"')
		for _, c := range text {
			if c == '"' {
				w.line = append(w.line, '"')
			}
			w.line = append(w.line, c)
		}
		w.line = append(w.line, '"')
	}
	return append(dst[:start], w.line...), nil
}
