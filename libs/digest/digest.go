package digest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Column is a column of one store, and the text in which it is compared. Type is the store's own
// name of its type. Encoding and Scale are those of the source's column, on both sides.
type Column struct {
	Name     string
	Type     string
	Encoding Encoding
	Scale    int
	Form     Form
}

// Pair is a column of the source and its copy, compared in a form that FormOf gave for them.
func Pair(source, target DescribedColumn, f Form) [2]Column {
	return [2]Column{
		{Name: source.Name, Type: source.Type, Encoding: source.Encoding, Scale: source.Scale, Form: f},
		{Name: target.Name, Type: target.Type, Encoding: source.Encoding, Scale: source.Scale, Form: f},
	}
}

// Selection is what of a table is compared. Key and Columns of the two sides correspond, in this order.
type Selection struct {
	Key     []Column
	Columns []Column
}

// NumericKey reports whether a row's place is its key itself.
func (s Selection) NumericKey() bool { return len(s.Key) == 1 && s.Key[0].Form == Integer }

// Span is a part of the line of places, both ends included.
type Span struct{ Low, High int64 }

// Buckets is into how many equal parts a span is divided at most.
const Buckets = 64

// Width is how many places one bucket of the span has.
func (s Span) Width() int64 {
	places := uint64(s.High) - uint64(s.Low)
	return int64(places/Buckets) + 1
}

// bucket is the n-th part of the span.
func (s Span) bucket(n int64) Span {
	w := s.Width()
	b := Span{Low: s.Low + n*w}
	b.High = b.Low + w - 1
	if b.High > s.High || b.High < b.Low {
		b.High = s.High
	}
	return b
}

// halves divides a span that holds places of both signs at zero, so that no distance within a span overflows.
func (s Span) halves() []Span {
	if s.Low < 0 && s.High >= 0 {
		return []Span{{s.Low, -1}, {0, s.High}}
	}
	return []Span{s}
}

// Digest sums up the rows of one bucket.
type Digest struct {
	Bucket int64
	Rows   int64
	// A and B are the sums of the first and the second 32 bits of the rows' hashes.
	A, B int64
}

// Extent is what a whole table shows. Low, High, LowKey and HighKey mean nothing if there are no rows.
type Extent struct {
	Rows      int64
	Low, High int64
	// LowKey and HighKey are the smallest and the greatest key where the key is one whole number; "" elsewhere, since the
	// stores sort texts differently.
	LowKey, HighKey string
}

// Named sets the keys of an extent's ends, where places are keys.
func (s Selection) Named(e Extent) Extent {
	if e.Rows > 0 && s.NumericKey() {
		e.LowKey, e.HighKey = strconv.FormatInt(e.Low, 10), strconv.FormatInt(e.High, 10)
	}
	return e
}

// Row is one row without its values.
type Row struct {
	Place int64
	// Key is the key's text, its columns separated by U+001F.
	Key string
	// A and B are as in Digest.
	A, B int64
}

// Description is a table that a connector reads or writes.
type Description struct {
	// Name is schema.table, or database.table.
	Name    string
	Topic   string
	Columns []DescribedColumn
	// Key names the columns of the primary key; empty where the store knows of none.
	Key []string
	// Envelope says of a source's table that the topic's records hold its rows within change envelopes.
	Envelope bool
	// Repeated is how many rows of a copy are there besides the first of those that were made of
	// one record; nil where rows do not name theirs.
	Repeated *int64
	// Removable says of a copy that its tables are Removers.
	Removable bool
	// Failure says why the table cannot be read; empty if it can.
	Failure string
}

// Remover is a copy that keeps the changes of rows, and takes a deletion more.
type Remover interface {
	// Versions are those of the present rows of keys at places; of keys without a row there are none.
	Versions(ctx context.Context, places []int64, keys []string) (map[string]int64, error)
	// Remove writes deletions of rows at places, each if the row has still the version that is
	// given, and returns how many it wrote. A deletion's version is the row's and one.
	Remove(ctx context.Context, places []int64, versions map[string]int64) (int64, error)
}

// DescribedColumn is a column and the field of the topic's rows that carries it: of a source, the
// field into which its values go as Encoding says; of a target, the field that the column holds.
type DescribedColumn struct {
	Name, Type, Field string
	Encoding          Encoding
	// Precision is how many digits a number may have, 0 if that is not limited; Scale how many of
	// them follow the point. Of a time in text, Scale is how many digits its fraction of a second
	// has, 0 for as many as it needs.
	Precision, Scale int
	// Withheld says why no field carries the column's values; empty if one does.
	Withheld string
}

// RefuseShared says of tables whose rows lie in one place, a topic or a copy, that they cannot be
// compared, since the rows of one cannot be told from the others' there. of names a table's place
// and what the place holds of it.
func RefuseShared(tables []Description, of func(Description) (place, tenant string)) {
	tenants := map[string][]string{}
	for _, t := range tables {
		place, tenant := of(t)
		tenants[place] = append(tenants[place], tenant)
	}
	for i := range tables {
		place, _ := of(tables[i])
		if all := tenants[place]; len(all) > 1 && tables[i].Failure == "" {
			tables[i].Failure = fmt.Sprintf("%s holds the rows of %s, which cannot be told apart", place,
				strings.Join(all, ", "))
		}
	}
}

// Reader reads the tables of one source or target over one connection. It is used by one goroutine at a time.
type Reader interface {
	// Tables are those of a source, or the copies of the tables that the reader was opened with;
	// each copy has the topic that its table was described with.
	Tables() []Description
	// Table reads one of Tables, by its name; an error if there is none.
	Table(name string, selection Selection) (Table, error)
	Close()
}

// Table reads one side, with the selection it was made for. Its methods may be called by one goroutine at a time.
type Table interface {
	Extent(ctx context.Context) (Extent, error)
	// Digests sums up the buckets of a span; a bucket without rows may be left out.
	Digests(ctx context.Context, span Span) ([]Digest, error)
	// Rows lists the rows of a span, RowsAt those at places. At most MaxListed are returned.
	Rows(ctx context.Context, span Span) ([]Row, error)
	RowsAt(ctx context.Context, places []int64) ([]Row, error)
}

// Limits.
const (
	// leafRows is how many rows of a span are listed and not divided further.
	leafRows = 1000
	// MaxListed bounds one list of rows: more than leafRows, since rows are added between two questions.
	MaxListed = 20 * leafRows
	// maxPending is how many candidates are waited for at the same time.
	maxPending = 2000
	// placesAtOnce is how many places one question names.
	placesAtOnce = 200
)

// Numbers writes places as SQL and KQL list them.
func Numbers(places []int64) string {
	texts := make([]string, len(places))
	for i, n := range places {
		texts[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(texts, ", ")
}
