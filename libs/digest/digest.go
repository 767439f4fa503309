package digest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Column is a column of one store, and the text by which it is compared. Type is the store's own
// name for its type. Encoding and Scale are those of the source's column, on both sides.
type Column struct {
	Name     string
	Type     string
	Encoding Encoding
	Scale    int
	Form     Form
}

// Pair returns a column of the source and its copy, to be compared in the form that FormOf returned
// for them.
func Pair(source, target DescribedColumn, f Form) [2]Column {
	return [2]Column{
		{Name: source.Name, Type: source.Type, Encoding: source.Encoding, Scale: source.Scale, Form: f},
		{Name: target.Name, Type: target.Type, Encoding: source.Encoding, Scale: source.Scale, Form: f},
	}
}

// Selection is the part of a table that is compared. Key and Columns of the two sides correspond,
// in order.
type Selection struct {
	Key     []Column
	Columns []Column
}

// NumericKey reports whether a row's place is its key itself.
func (s Selection) NumericKey() bool { return len(s.Key) == 1 && s.Key[0].Form == Integer }

// Span is a range of places, including both ends.
type Span struct{ Low, High int64 }

// Buckets is the most equal parts into which a span is divided.
const Buckets = 64

// Width returns how many places one bucket of the span has.
func (s Span) Width() int64 {
	places := uint64(s.High) - uint64(s.Low)
	return int64(places/Buckets) + 1
}

// bucket returns the n-th part of the span.
func (s Span) bucket(n int64) Span {
	w := s.Width()
	b := Span{Low: s.Low + n*w}
	b.High = b.Low + w - 1
	if b.High > s.High || b.High < b.Low {
		b.High = s.High
	}
	return b
}

// halves divides a span with places of both signs at zero, so that no distance within a span
// overflows.
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

// Extent describes a whole table. Low, High, LowKey and HighKey mean nothing if there are no rows.
type Extent struct {
	Rows      int64
	Low, High int64
	// LowKey and HighKey are the smallest and the greatest key if the key is one whole number;
	// otherwise "", since the stores sort texts differently.
	LowKey, HighKey string
}

// Named sets LowKey and HighKey of an extent if places are keys.
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
	// Key names the columns of the primary key; empty if the store knows none.
	Key []string
	// Envelope is true for a table of a source whose topic holds the rows within change envelopes.
	Envelope bool
	// Repeated counts the rows of a copy that repeat another one made from the same record; nil if
	// rows do not name their records.
	Repeated *int64
	// Removable is true for a copy whose Table is a Remover.
	Removable bool
	// Failure is why the table cannot be read; empty if it can.
	Failure string
}

// Remover is a copy that keeps all changes of rows, to which a deletion can be added.
type Remover interface {
	// Versions returns the versions of the present rows of keys at places; keys without a row are left
	// out.
	Versions(ctx context.Context, places []int64, keys []string) (map[string]int64, error)
	// Remove writes deletions of rows at places, each only if the row still has the given version, and
	// returns how many it wrote. A deletion's version is the row's plus one.
	Remove(ctx context.Context, places []int64, versions map[string]int64) (int64, error)
}

// DescribedColumn is a column, and the field of the topic's rows that carries it: for a source the
// field that its values go into, in the form Encoding; for a target the field from which the column
// comes.
type DescribedColumn struct {
	Name, Type, Field string
	Encoding          Encoding
	// Precision is how many digits a number may have, 0 for any number; Scale how many of them follow
	// the point. For a time as text, Scale is how many digits the fraction of a second has, 0 for as
	// many as it needs.
	Precision, Scale int
	// Withheld is why no field carries the column's values; empty if one does.
	Withheld string
}

// RefuseShared sets Failure for tables whose rows share one place, a topic or a copy: they cannot
// be compared, since the place does not tell whose rows they are. of returns a table's place, and
// the tenant that it is there.
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
	// Tables returns the tables of a source, or the copies of the tables with which the reader was
	// opened; each copy has its table's topic.
	Tables() []Description
	// Table returns one of Tables by its name; an error if there is none.
	Table(name string, selection Selection) (Table, error)
	Close()
}

// Table reads one side, with the selection for which it was made. Its methods may be called by one
// goroutine at a time.
type Table interface {
	Extent(ctx context.Context) (Extent, error)
	// Digests returns the digests of the buckets of a span; buckets without rows may be left out.
	Digests(ctx context.Context, span Span) ([]Digest, error)
	// Rows lists the rows of a span, RowsAt those at places. At most MaxListed are returned.
	Rows(ctx context.Context, span Span) ([]Row, error)
	RowsAt(ctx context.Context, places []int64) ([]Row, error)
}

// Limits.
const (
	// leafRows is up to how many rows a span is listed instead of divided further.
	leafRows = 1000
	// MaxListed bounds one list of rows: more than leafRows, since rows may be added between two
	// queries.
	MaxListed = 20 * leafRows
	// maxPending bounds the candidates that are pending at the same time.
	maxPending = 2000
	// placesAtOnce is how many places one query names.
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
