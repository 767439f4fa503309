package row

import (
	"bytes"
	"slices"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

// order lists the columns that a row of csv has values for, by position: a csv mapping's by their ordinals, else the
// table's. Each is filled by the field of its name; one without a name is empty.
func (t Target) order() []kusto.Column {
	if t.Mapping == nil {
		if t.Schema == nil {
			return nil
		}
		return t.Schema.Columns
	}
	var columns []kusto.Column
	for _, m := range t.Mapping.Columns {
		if m.Const != "" || m.Ordinal < 0 || m.Ordinal >= maxColumns {
			continue
		}
		for len(columns) <= m.Ordinal {
			columns = append(columns, kusto.Column{})
		}
		c := kusto.Column{Name: m.Column}
		if t.Schema != nil {
			if known, ok := t.Schema.Find(m.Column); ok {
				c.Type = known.Type
			}
		}
		columns[m.Ordinal] = c
	}
	return columns
}

// maxColumns is how many columns a table may have.
const maxColumns = 10_000

// csvWriter turns rows written as JSON into rows of csv. Null and absent fields are empty, texts
// are quoted where they must be, and an empty text is "" so that it differs from null. Kusto reads
// the text of a dynamic column as JSON if it is JSON: a string keeps the quotes of JSON there, else
// "null" would become null, "1" a number, and blanks at its ends would go. One that may be the text of
// an object or array does not, and becomes that as with Azure's sink.
type csvWriter struct {
	order  []kusto.Column
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
		plain := name(key)
		if at := slices.IndexFunc(w.order, func(c kusto.Column) bool { return c.Name == string(plain) }); at >= 0 {
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
			if w.order[i].Type == kusto.Dynamic && len(text) > 0 && text[0] != '{' && text[0] != '[' {
				text = v
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
