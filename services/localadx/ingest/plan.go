package ingest

import (
	"bufio"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// Source says where bytes come from.
type Source struct {
	// Location is what the SourceLocation transform yields: the blob's URL without its signature.
	Location string
	// IgnoreFirstRecord leaves out the first record of a delimited source: its header.
	IgnoreFirstRecord bool
}

// Counts counts what a Read came across.
type Counts struct {
	Rows int64
	// Malformed records were left out.
	Malformed int64
	// Bytes is the size of the source, uncompressed.
	Bytes int64
}

// Plan turns sources of one format into rows of one table. It is immutable and safe for concurrent use.
type Plan struct {
	format  Format
	columns []kql.Column
	// template is a row before its record is read: nulls and constants.
	template []driver.Value
	// root guides the reading of JSON records; fields that of delimited ones: the columns that field i goes to.
	root   *node
	fields [][]target
	// location and line are the columns that the source transforms fill.
	location, line []target
	// base64 is set when bytes within Avro records are to be written as base64.
	base64 bool
}

// NewPlan makes a plan for a table. Without a mapping, fields go to columns in order (delimited formats) or by name.
func NewPlan(columns []kql.Column, format Format, mapping *Mapping) (*Plan, error) {
	p := &Plan{format: format, columns: columns, root: &node{}, template: make([]driver.Value, len(columns))}
	for i, c := range columns {
		p.template[i] = nullValue(c.Type)
	}
	if mapping == nil {
		p.mapIdentity()
		return p, nil
	}
	if mapping.Kind != format.MappingKind() {
		return nil, mappingError("a %s mapping cannot be used with format %s", mapping.Kind, format)
	}
	for _, e := range mapping.Elements {
		if err := p.mapElement(e); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Plan) mapIdentity() {
	for i, c := range p.columns {
		t := target{column: i, typ: c.Type}
		if p.format.MappingKind() == "csv" {
			p.fields = append(p.fields, []target{t})
			continue
		}
		n := p.root.step(Step{Key: c.Name})
		n.targets = append(n.targets, t)
	}
}

func (p *Plan) mapElement(e Element) error {
	i := slices.IndexFunc(p.columns, func(c kql.Column) bool { return c.Name == e.Column })
	if i < 0 {
		return mappingError("column '%s' is not in the table", e.Column)
	}
	t := target{column: i, typ: p.columns[i].Type, transform: e.Transform}
	switch {
	case e.Const != nil:
		p.template[i] = fromText(t.typ, []byte(*e.Const))
	case e.Transform == SourceLocation:
		p.location = append(p.location, t)
	case e.Transform == SourceLineNumber:
		p.line = append(p.line, t)
	case e.Ordinal >= 0:
		if e.Ordinal >= maxFields {
			return mappingError("column '%s': the ordinal %d is larger than %d", e.Column, e.Ordinal, maxFields)
		}
		for len(p.fields) <= e.Ordinal {
			p.fields = append(p.fields, nil)
		}
		p.fields[e.Ordinal] = append(p.fields[e.Ordinal], t)
	case e.Path != nil:
		n := p.root.add(*e.Path)
		n.targets = append(n.targets, t)
		p.base64 = p.base64 || e.Transform == BytesAsBase64
	}
	return nil
}

// Read emits a row for every record of r, which is uncompressed. The row given to emit has a value
// for each of the table's columns in order; it is valid only during the call. An error of emit ends
// the reading and is returned as it is.
func (p *Plan) Read(r io.Reader, source Source, emit func([]driver.Value) error) (Counts, error) {
	read := &reading{plan: p, source: source, emit: emit, row: make([]driver.Value, len(p.columns))}
	counting := &countingReader{r: r}
	text, start, err := skipMark(counting)
	if err != nil {
		return Counts{}, readError(err)
	}
	switch p.format {
	case JSON, SingleJSON:
		err = read.jsonLines(text)
	case MultiJSON:
		err = read.multiJSON(text)
	case Avro, ApacheAvro:
		err = read.avro(text)
	case Parquet:
		err = read.parquet(text)
	case Raw:
		err = read.raw(text)
	case TXT:
		err = read.text(text)
	default:
		err = read.delimited(text)
	}
	read.counts.Bytes = counting.n
	if err == nil && read.counts.Rows == 0 {
		switch {
		case counting.n == 0:
			err = &Error{Code: CodeEmptyBlob, Message: "The source is empty"}
		case read.counts.Malformed > 0:
			err = &Error{Code: CodeNoRecords, Message: fmt.Sprintf("The source has no record of format %s%s", p.format,
				compressionHint(start))}
		}
	}
	return read.counts, err
}

// skipMark passes over the byte order mark that some tools put in front of a text, and returns the first bytes too.
func skipMark(r io.Reader) (text io.Reader, start string, err error) {
	buffered := bufio.NewReader(r)
	mark, err := buffered.Peek(len(byteOrderMark))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	start = string(mark)
	if start == byteOrderMark {
		buffered.Discard(len(byteOrderMark))
	}
	return buffered, start, nil
}

// compressionHint names the likely reason when a compressed source cannot be read: only the end of a blob's name says
// that it is compressed, and some clients leave that out.
func compressionHint(start string) string {
	if strings.HasPrefix(start, "\x1f\x8b") {
		return ": it seems to be compressed by gzip, which a blob's name must say by ending in .gz"
	}
	return ""
}

const byteOrderMark = "\xEF\xBB\xBF"

// reading is one Read under way.
type reading struct {
	plan   *Plan
	source Source
	emit   func([]driver.Value) error
	row    []driver.Value
	counts Counts
	// records counts all records, also those left out: it is the line number of the next one, from 0.
	records int64
}

// begin prepares the row for the next record.
func (r *reading) begin() {
	copy(r.row, r.plan.template)
	r.records++
	for _, t := range r.plan.location {
		r.row[t.column] = fromText(t.typ, []byte(r.source.Location))
	}
	for _, t := range r.plan.line {
		switch t.typ {
		case value.Long:
			r.row[t.column] = r.records
		case value.Int:
			r.row[t.column] = int32(r.records)
		default:
			r.row[t.column] = fromText(t.typ, fmt.Append(nil, r.records))
		}
	}
}

func (r *reading) done() error {
	r.counts.Rows++
	return r.emit(r.row)
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
