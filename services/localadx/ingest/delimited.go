package ingest

import (
	"errors"
	"fmt"
	"io"
)

// maxFields bounds the fields of a delimited record; a table has at most 10,000 columns.
const maxFields = 10000

// delimited reads CSV and similar formats (RFC 4180): a field in quotes may hold delimiters, line ends and,
// doubled, quotes. Empty lines are no records. All records must have one number of fields; those
// beyond the table's columns are left out.
func (r *reading) delimited(source io.Reader) error {
	w := &window{source: source}
	records := &fieldScanner{delimiter: r.plan.format.delimiter(), escapes: r.plan.format == TSVE}
	width := 0
	for first := true; ; first = false {
		err := w.fields(records)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(records.fields) == 1 && len(records.fields[0]) == 0 && !records.quoted {
			continue
		}
		if first && r.source.IgnoreFirstRecord {
			continue
		}
		if width == 0 {
			width = len(records.fields)
		}
		if len(records.fields) != width {
			return &Error{Code: CodeWrongFields, Message: fmt.Sprintf("Record %d has %d fields and the ones before have %d",
				r.records+1, len(records.fields), width)}
		}
		r.begin()
		for i := range min(len(records.fields), len(r.plan.fields)) {
			r.field(i, records.fields[i])
		}
		if err := r.done(); err != nil {
			return err
		}
	}
}

// fieldScanner splits one record into fields. The fields point into the record or into scratch.
type fieldScanner struct {
	delimiter byte
	// escapes is set for the format that writes tabs and line ends as \t and \n.
	escapes bool

	fields  [][]byte
	scratch []byte
	// quoted is set when a field of the record was in quotes.
	quoted bool
}

// fields scans the next record, reading on as needed; io.EOF after the last.
func (w *window) fields(s *fieldScanner) error {
	for {
		if rest := w.rest(); len(rest) > 0 {
			if end, ok := s.scan(rest, w.ended); ok {
				w.at += end
				return nil
			}
			if w.ended {
				return &Error{Code: CodeInvalidBlob, Message: "The last record has a quoted field without an end"}
			}
		}
		if err := w.more(); err != nil && !(errors.Is(err, io.EOF) && len(w.rest()) > 0) {
			return err
		}
	}
}

// scan splits the record at the front of b and returns its length with the line end; false when the record may go on
// beyond b.
func (s *fieldScanner) scan(b []byte, last bool) (end int, ok bool) {
	s.fields, s.scratch, s.quoted = s.fields[:0], s.scratch[:0], false
	for i := 0; ; {
		var field []byte
		if i < len(b) && b[i] == '"' {
			if field, i, ok = s.quotedField(b, i, last); !ok {
				return 0, false
			}
		} else {
			start := i
			for i < len(b) && b[i] != s.delimiter && b[i] != '\n' {
				i++
			}
			field = b[start:i]
			if (i == len(b) || b[i] == '\n') && len(field) > 0 && field[len(field)-1] == '\r' {
				field = field[:len(field)-1]
			}
			if s.escapes {
				field = s.unescape(field)
			}
		}
		// What comes behind the last field that a table may have is nobody's; the records of a source still have one number.
		if len(s.fields) < maxFields {
			s.fields = append(s.fields, field)
		}
		switch {
		case i == len(b):
			return i, last
		case b[i] == '\n':
			return i + 1, true
		}
		i++
	}
}

// quotedField reads a field that starts with a quote, and what stands between its closing quote and the delimiter.
func (s *fieldScanner) quotedField(b []byte, i int, last bool) (field []byte, end int, ok bool) {
	s.quoted = true
	start := len(s.scratch)
	i++
	for {
		from := i
		for i < len(b) && b[i] != '"' {
			i++
		}
		s.scratch = append(s.scratch, b[from:i]...)
		if i == len(b) || i+1 == len(b) && !last {
			return nil, 0, false
		}
		if i+1 < len(b) && b[i+1] == '"' {
			s.scratch = append(s.scratch, '"')
			i += 2
			continue
		}
		i++
		break
	}
	for i < len(b) && b[i] != s.delimiter && b[i] != '\n' {
		if b[i] != '\r' && b[i] != ' ' {
			s.scratch = append(s.scratch, b[i])
		}
		i++
	}
	return s.scratch[start:len(s.scratch):len(s.scratch)], i, true
}

func (s *fieldScanner) unescape(field []byte) []byte {
	start := len(s.scratch)
	for i := 0; i < len(field); i++ {
		c := field[i]
		if c == '\\' && i+1 < len(field) {
			i++
			switch field[i] {
			case 't':
				c = '\t'
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			default:
				c = field[i]
			}
		}
		s.scratch = append(s.scratch, c)
	}
	return s.scratch[start:len(s.scratch):len(s.scratch)]
}
