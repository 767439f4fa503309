package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// chunk is how much is read from a source at a time, in bytes.
const chunk = 1 << 16

// window is the part of a source that is in memory: at least the current record.
type window struct {
	source io.Reader
	buf    []byte // what is read and not yet done with is buf[at:]
	at     int
	ended  bool
}

// rest returns what is in memory.
func (w *window) rest() []byte { return w.buf[w.at:] }

// more reads on, keeping what rest returned at the front; it fails when the record is larger than a row may be.
func (w *window) more() error {
	if w.ended {
		return io.EOF
	}
	kept := len(w.buf) - w.at
	if kept > maxRow {
		return &Error{Code: CodeRowTooLarge, Message: fmt.Sprintf("A record is larger than %d MB", maxRow>>20)}
	}
	if cap(w.buf)-kept < chunk || w.at > 0 {
		grown := w.buf[:0]
		if cap(w.buf) < kept+chunk {
			grown = make([]byte, 0, 2*(kept+chunk))
		}
		w.buf = append(grown, w.buf[w.at:]...)
		w.at = 0
	}
	// Whoever asks for more scans the record from its start, so what is there doubles at least: else a long record that
	// comes in small pieces would be scanned for each.
	for got := 0; ; {
		n, err := w.source.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		got += n
		if errors.Is(err, io.EOF) {
			w.ended = true
			if got == 0 {
				return io.EOF
			}
			return nil
		}
		if err != nil {
			return readError(err)
		}
		if got > 0 && (got >= kept || len(w.buf) == cap(w.buf)) {
			return nil
		}
	}
}

// readError words a failure to read or decompress the source.
func readError(err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	return &Error{Code: CodeInvalidBlob, Message: "The source cannot be read: " + err.Error()}
}

// line returns the next line without its end, or io.EOF. A last line need not be ended.
func (w *window) line() ([]byte, error) {
	searched := 0
	for {
		rest := w.rest()
		if i := bytes.IndexByte(rest[searched:], '\n'); i >= 0 {
			line := rest[:searched+i]
			w.at += len(line) + 1
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		searched = len(rest)
		if err := w.more(); errors.Is(err, io.EOF) {
			if len(rest) == 0 {
				return nil, io.EOF
			}
			w.at = len(w.buf)
			return rest, nil
		} else if err != nil {
			return nil, err
		}
	}
}

// jsonLines reads one record a line; malformed lines are left out, empty ones are none.
func (r *reading) jsonLines(source io.Reader) error {
	w := &window{source: source}
	records := &recordReader{root: r.plan.root, row: r.row}
	for {
		line, err := w.line()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		start := skipSpace(line, 0)
		if start == len(line) {
			continue
		}
		r.begin()
		if !r.plan.takes(line[start]) {
			r.counts.Malformed++
			continue
		}
		if end := records.read(line, start); end < 0 || skipSpace(line, end) != len(line) {
			r.counts.Malformed++
			continue
		}
		if err := r.done(); err != nil {
			return err
		}
	}
}

// takes reports whether a record may start with the byte: records are objects, unless a column takes them whole.
func (p *Plan) takes(first byte) bool {
	return first == '{' || len(p.root.targets) > 0 || first == '[' && len(p.root.elements) > 0
}

// multiJSON reads records that follow each other, with anything of white space and commas between
// them, or in arrays, which must be whole. A malformed record fails the source.
func (r *reading) multiJSON(source io.Reader) error {
	w := &window{source: source}
	records := &recordReader{root: r.plan.root, row: r.row}
	inArray := false
	// last is what came last in the array: '[', ',' or, for a record, 0.
	last := byte(0)
	for {
		c, err := w.next()
		switch {
		case errors.Is(err, io.EOF):
			if inArray {
				return r.invalidRecord("the array has no end")
			}
			return nil
		case err != nil:
			return err
		case c == '[' && !inArray && len(r.plan.root.elements) == 0:
			inArray, last = true, c
			w.at++
			continue
		case c == ']' && inArray && last != ',':
			inArray = false
			w.at++
			continue
		case c == ',' && (inArray && last == 0 || !inArray && r.records > 0):
			last = c
			w.at++
			continue
		case inArray && last == 0:
			return r.invalidRecord(fmt.Sprintf("the array goes on with %q and not with a comma", c))
		case !r.plan.takes(c):
			return r.invalidRecord(fmt.Sprintf("%q does not start a record", c))
		}
		r.begin()
		end, err := w.record(records)
		if err != nil {
			return err
		}
		if end < 0 {
			return r.invalidRecord("it is not valid JSON")
		}
		if err := r.done(); err != nil {
			return err
		}
		last = 0
		w.at += end
	}
}

func (r *reading) invalidRecord(reason string) error {
	return &Error{Code: CodeInvalidBlob, Message: fmt.Sprintf("Record %d is malformed: %s", max(r.records, 1), reason)}
}

// next returns the first byte that is not white space, or io.EOF.
func (w *window) next() (byte, error) {
	for {
		rest := w.rest()
		i := skipSpace(rest, 0)
		w.at += i
		if i < len(rest) {
			return rest[i], nil
		}
		if err := w.more(); err != nil {
			return 0, err
		}
	}
}

// record reads the record at the front of the window and returns its length, or malformed. A record that goes on
// beyond what is in memory is read again when more is there.
func (w *window) record(records *recordReader) (int, error) {
	for {
		end := records.read(w.rest(), 0)
		// A number may go on; anything else ends by itself.
		if end >= 0 && (end < len(w.rest()) || w.ended || w.rest()[0] == '{' || w.rest()[0] == '[') {
			return end, nil
		}
		if end == malformed {
			return malformed, nil
		}
		if err := w.more(); errors.Is(err, io.EOF) {
			return max(end, malformed), nil
		} else if err != nil {
			return 0, err
		}
	}
}

// raw reads the source as one value for the first column.
func (r *reading) raw(source io.Reader) error {
	all, err := io.ReadAll(io.LimitReader(source, maxRow+1))
	if err != nil {
		return readError(err)
	}
	if len(all) > maxRow {
		return &Error{Code: CodeRowTooLarge,
			Message: fmt.Sprintf("The source is larger than %d MB, the limit of format raw", maxRow>>20)}
	}
	if len(all) == 0 {
		return nil
	}
	return r.single(all)
}

// text reads one value a line, for the first column.
func (r *reading) text(source io.Reader) error {
	w := &window{source: source}
	for first := true; ; first = false {
		line, err := w.line()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if first && r.source.IgnoreFirstRecord {
			continue
		}
		if err := r.single(line); err != nil {
			return err
		}
	}
}

// single emits a record of one field.
func (r *reading) single(field []byte) error {
	r.begin()
	if len(r.plan.fields) > 0 {
		r.field(0, field)
	}
	return r.done()
}

// field puts a text field into its columns.
func (r *reading) field(i int, text []byte) {
	for _, t := range r.plan.fields[i] {
		switch t.transform {
		case DateTimeFromUnixSeconds, DateTimeFromUnixMilliseconds, DateTimeFromUnixMicroseconds, DateTimeFromUnixNanoseconds:
			r.row[t.column] = fromUnix(text, unitTicks(t.transform))
		default:
			r.row[t.column] = fromText(t.typ, text)
		}
	}
}
