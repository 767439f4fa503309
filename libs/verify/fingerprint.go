package verify

import (
	"context"
	"crypto/md5" //nolint:gosec // what PostgreSQL can compute as well
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// Mark is what a table was at a place in PostgreSQL's log that no transaction on the table lies across.
type Mark struct {
	// Table is schema.table.
	Table string
	// LSN is where the log went on: the next change may begin there.
	LSN uint64
	// Rows counts the table's rows, Sum adds up numbers of 32 bits that stand for them.
	Rows, Sum int64
}

// Fingerprint demands that what a stream makes of a table is the table as it was at each mark. The stream has the
// table's changes in the order of their commits, as a topic of one partition has. Make it with NewFingerprint.
type Fingerprint struct {
	columns []string
	tables  map[string]*fingerprinted
}

// fingerprinted is a table as the stream has made it.
type fingerprinted struct {
	rows     map[Row]int64
	sum      int64
	marks    []Mark
	failures []Failure
}

// NewFingerprint makes a validator that compares these columns.
func NewFingerprint(columns ...string) *Fingerprint {
	return &Fingerprint{columns, map[string]*fingerprinted{}}
}

// Expect tells of the next mark of its table, before the stream has come to it.
func (v *Fingerprint) Expect(m Mark) {
	t := v.table(m.Table)
	t.marks = append(t.marks, m)
}

func (v *Fingerprint) table(name string) *fingerprinted {
	t := v.tables[name]
	if t == nil {
		t = &fingerprinted{rows: map[Row]int64{}}
		v.tables[name] = t
	}
	return t
}

func (v *Fingerprint) Note(c Change) {
	t := v.table(c.Table)
	if c.Op != Read { // a row that is read is not newer than the stream
		for len(t.marks) > 0 && t.marks[0].LSN <= c.LSN {
			t.failures = append(t.failures, t.compare(t.marks[0])...)
			t.marks = t.marks[1:]
		}
	}
	switch c.Op {
	case Truncate:
		clear(t.rows)
		t.sum = 0
	case Delete:
		t.sum -= t.rows[c.Key]
		delete(t.rows, c.Key)
	default:
		number := v.number(c.Row)
		t.sum += number - t.rows[c.Key]
		t.rows[c.Key] = number
	}
}

// compare says how the table differs from a mark.
func (t *fingerprinted) compare(m Mark) []Failure {
	if len(t.failures) > 0 || m.Rows == int64(len(t.rows)) && m.Sum == t.sum {
		return nil // what was wrong at one mark is so at those that follow
	}
	return []Failure{{Promise: "fingerprint", Says: fmt.Sprintf(
		"at LSN %X table %s had %d rows of the sum %d, and the stream makes %d of %d", m.LSN, m.Table, m.Rows, m.Sum,
		len(t.rows), t.sum)}}
}

// Failures compare marks that the stream's end is behind as well.
func (v *Fingerprint) Failures() []Failure {
	var failures []Failure
	for _, t := range v.tables {
		failures = append(failures, t.failures...)
		if len(t.marks) > 0 {
			failures = append(failures, t.compare(t.marks[len(t.marks)-1])...)
		}
	}
	return failures
}

// number stands for a row, as columnsSQL has it.
func (v *Fingerprint) number(row Row) int64 {
	values, err := parseObject([]byte(row))
	if err != nil {
		return 0
	}
	var b strings.Builder
	for _, name := range v.columns {
		if text, ok := values[name].(string); ok {
			fmt.Fprintf(&b, "%d:%s", utf8.RuneCountInString(text), text)
		} else {
			b.WriteByte('-')
		}
	}
	sum := md5.Sum([]byte(b.String())) //nolint:gosec // no secret
	return int64(binary.BigEndian.Uint32(sum[:4]))
}

// Mark takes the fingerprint of a table as it is, and the place in the log: it waits until no transaction has changed
// the table and not ended, which holds up others that would change it for that long.
func (v *Fingerprint) Mark(ctx context.Context, conn *pgx.Conn, table string) (Mark, error) {
	m := Mark{Table: table}
	texts := make([]string, len(v.columns))
	for i, c := range v.columns {
		text := pgx.Identifier{c}.Sanitize() + "::text"
		texts[i] = "coalesce(length(" + text + ") || ':' || " + text + ", '-')"
	}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "LOCK TABLE "+identifier(table)+" IN SHARE MODE"); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, count(*), coalesce(sum(('x' || "+
			"substr(md5("+strings.Join(texts, " || ")+"), 1, 8))::bit(32)::bigint), 0)::bigint FROM "+identifier(table)).
			Scan(&m.LSN, &m.Rows, &m.Sum)
	})
	if err != nil {
		return Mark{}, fmt.Errorf("take the fingerprint of %s: %w", table, err)
	}
	return m, nil
}
