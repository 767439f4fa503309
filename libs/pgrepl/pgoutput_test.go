package pgrepl

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/jackc/pglogrepl"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// describe prints a message for comparison.
func describe(m *Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%c", m.Kind)
	switch m.Kind {
	case Begin:
		fmt.Fprintf(&b, " xid=%d commit=%s", m.XID, m.CommitLSN)
	case Commit:
		fmt.Fprintf(&b, " end=%s", m.EndLSN)
	case Insert, Update, Delete:
		fmt.Fprintf(&b, " %s.%s", m.Relation.Schema, m.Relation.Name)
		for _, t := range []struct {
			name string
			row  pgmodel.Tuple
		}{{"old", m.Old}, {"new", m.New}} {
			if t.row == nil {
				continue
			}
			fmt.Fprintf(&b, " %s=(", t.name)
			for i, d := range t.row {
				if i > 0 {
					b.WriteByte(' ')
				}
				if d.Kind == pgmodel.Text {
					fmt.Fprintf(&b, "%q", d.Data)
				} else {
					fmt.Fprintf(&b, "%c", d.Kind)
				}
			}
			b.WriteByte(')')
		}
	case Truncate:
		fmt.Fprintf(&b, " tables=%d", len(m.Truncated))
	case Logical:
		fmt.Fprintf(&b, " %s=%s transactional=%t", m.Prefix, m.Content, m.Transactional)
	}
	return b.String()
}

func decode(t testing.TB, d Decoder, frames ...message) []string {
	t.Helper()
	var out []string
	for i, f := range frames {
		frame := Frame{Data: bytes.Clone(f), Start: LSN(i + 1)}
		if err := d.Decode(&frame, func(m *Message) error { out = append(out, describe(m)); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestARowOfEachKindIsDecoded(t *testing.T) {
	d := NewPgoutput(PgoutputOptions{}, plainRelations{})
	got := decode(t, d,
		beginMessage(0x100, 7), relationMessage(1, "id", "x", "y"), insertMessage(1, "1", nil, "b"),
		message("U").u32(1).u8('N').tuple("1", "c", unchanged),
		message("U").u32(1).u8('K').tuple("1", nil, nil).u8('N').tuple("2", "c", unchanged),
		message("U").u32(1).u8('O').tuple("2", "c", "b").u8('N').tuple("2", nil, "b"),
		message("D").u32(1).u8('K').tuple("2", nil, nil),
		message("T").u32(1).u8(0).u32(1),
		append(message("M").u8(1).u64(5).str("p").u32(2), "hi"...),
		commitMessage(0x100, 0x180))
	want := []string{
		"B xid=7 commit=0/100", `I public.t new=("1" n "b")`, `U public.t new=("1" "c" u)`,
		`U public.t old=("1" a a) new=("2" "c" u)`,
		`U public.t old=("2" "c" "b") new=("2" n "b")`, `D public.t old=("2" a a)`, "T tables=1",
		"M p=hi transactional=true", "C end=0/180",
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

func TestARowCostsTheDecoderNoAllocation(t *testing.T) {
	d := NewPgoutput(PgoutputOptions{}, plainRelations{})
	decode(t, d, beginMessage(1, 1), relationMessage(1, "id", "a", "b", "c", "d"))
	row := insertMessage(1, "1", "abc", nil, "def", "ghi")
	f := Frame{Data: row, Start: 1}
	handle := func(*Message) error { return nil }
	if n := testing.AllocsPerRun(1000, func() {
		if err := d.Decode(&f, handle); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a row, want 0", n)
	}
}

func TestDamagedMessagesAreErrorsAndNeverSkipped(t *testing.T) {
	for name, m := range map[string]message{
		"unknown relation": insertMessage(9, "1"), "unknown type": message("Z"), "too few columns": insertMessage(1, "1"),
		"binary value":          message("I").u32(1).u8('N').u16(2).u8('b').u32(1).u8(0).u8('n'),
		"trailing bytes":        append(insertMessage(1, "1", "2"), 0),
		"length beyond the end": message("I").u32(1).u8('N').u16(2).u8('t').u32(99).u8('x').u8('n'), "empty": {},
	} {
		t.Run(name, func(t *testing.T) {
			d := NewPgoutput(PgoutputOptions{}, plainRelations{})
			decode(t, d, relationMessage(1, "id", "x"))
			f := Frame{Data: m}
			if err := d.Decode(&f, func(*Message) error { return nil }); err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestStreamedTransactions runs scripts of streamed transactions. A line is a message: "stream 7", "stop", "insert 7 a"
// (subtransaction and value), "abort 7 8", "commit 7", "begin 5", "end".
func TestStreamedTransactions(t *testing.T) {
	datadriven.Walk(t, "testdata/streaming", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			limit := 1 << 20
			if d.HasArg("memory") {
				d.ScanArgs(t, "memory", &limit)
			}
			spool := NewSpool(t.TempDir(), limit)
			defer spool.Close()
			dec := NewPgoutput(PgoutputOptions{Protocol: 4, Spool: spool}, plainRelations{})
			var out strings.Builder
			at, open := 0, false
			for line := range strings.Lines(d.Input) {
				var word, value string
				var a, b uint32
				fmt.Sscan(line, &word)
				var m message
				switch word {
				case "stream":
					fmt.Sscan(line, &word, &a)
					m, open = message("S").u32(a).u8(1), true
				case "stop":
					m, open = message("E"), false
				case "relation":
					fmt.Sscan(line, &word, &a)
					m = relationMessage(1, "id")
					if open {
						m = append(message("R").u32(a), m[1:]...)
					}
				case "insert":
					fmt.Sscan(line, &word, &a, &value)
					m = insertMessage(1, value)
					if open {
						m = append(message("I").u32(a), m[1:]...)
					}
				case "abort":
					fmt.Sscan(line, &word, &a, &b)
					m = message("A").u32(a).u32(b).u64(1).u64(2)
				case "commit":
					fmt.Sscan(line, &word, &a)
					m = message("c").u32(a).u8(0).u64(uint64(0x1000 + at)).u64(uint64(0x1001 + at)).u64(0)
				case "begin":
					fmt.Sscan(line, &word, &a)
					m = beginMessage(uint64(0x1000+at), a)
				case "end":
					m = commitMessage(uint64(0x1000+at), uint64(0x1001+at))
				}
				at++
				f := Frame{Data: m, Start: LSN(at)}
				if err := dec.Decode(&f, func(m *Message) error { fmt.Fprintln(&out, describe(m)); return nil }); err != nil {
					fmt.Fprintln(&out, "error:", err)
				}
			}
			memory, disk := spool.Bytes()
			fmt.Fprintf(&out, "left: %d transactions, %d bytes in memory, %d on disk\n", spool.Open(), memory, disk)
			return out.String()
		})
	})
}

func FuzzPgoutputNeverPanicsAndAgreesWithPglogrepl(f *testing.F) {
	for _, m := range []message{beginMessage(1, 2), commitMessage(1, 2), relationMessage(1, "id", "x"),
		insertMessage(1, "1", nil), message("U").u32(1).u8('K').tuple("1", nil).u8('N').tuple("2", unchanged),
		message("D").u32(1).u8('O').tuple("1", "b"), message("T").u32(1).u8(0).u32(1),
		append(message("M").u8(1).u64(5).str("p").u32(2), "hi"...)} {
		f.Add([]byte(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewPgoutput(PgoutputOptions{}, plainRelations{})
		decode(t, d, relationMessage(1, "id", "x"))
		var got *Message
		frame := Frame{Data: bytes.Clone(b)}
		if err := d.Decode(&frame, func(m *Message) error { got = m; return nil }); err != nil || got == nil ||
			(got.Kind != Insert && got.Kind != Update && got.Kind != Delete) {
			return
		}
		theirs, err := pglogrepl.Parse(b)
		if err != nil {
			t.Fatalf("pglogrepl rejects what was decoded: %v", err)
		}
		compare := func(ours pgmodel.Tuple, theirs *pglogrepl.TupleData) {
			if (ours == nil) != (theirs == nil) {
				t.Fatalf("tuple %v, pglogrepl has %v", ours, theirs)
			}
			for i, d := range ours {
				c := theirs.Columns[i]
				if d.Kind == pgmodel.Text && (c.DataType != 't' || !bytes.Equal(c.Data, d.Data)) || d.Kind != pgmodel.Text &&
					c.DataType == 't' {
					t.Fatalf("column %d is %c %q, pglogrepl has %c %q", i, d.Kind, d.Data, c.DataType, c.Data)
				}
			}
		}
		switch m := theirs.(type) {
		case *pglogrepl.InsertMessage:
			compare(got.New, m.Tuple)
		case *pglogrepl.UpdateMessage:
			compare(got.New, m.NewTuple)
			compare(got.Old, m.OldTuple)
		case *pglogrepl.DeleteMessage:
			compare(got.Old, m.OldTuple)
		}
	})
}

func FuzzFramesNeverPanic(f *testing.F) {
	f.Add([]byte("d\x00\x00\x00\x16k\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x01"))
	f.Add([]byte("E\x00\x00\x00\x0bSERROR\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var frame Frame
		for len(b) > 0 {
			n, _, err := parseFrame(b, &frame)
			if err != nil || n == 0 {
				return
			}
			b = b[n:]
		}
	})
}

func FuzzWal2JSONNeverPanics(f *testing.F) {
	for _, s := range []string{`{"action":"B","xid":7,"timestamp":"2026-11-23 10:00:00.1+00","lsn":"0/1","nextlsn":"0/2"}`,
		`{"action":"U","schema":"public","table":"t","columns":[{"name":"id","type":"text","value":"a\u00e9\n"}],"identity":[{"name":"id","type":"text","value":null}]}`,
		`{"xid":1,"nextlsn":"0/5","timestamp":"2026-11-23 10:00:00+00","change":[{"kind":"insert","schema":"public","table":"t","columnnames":["id"],"columnvalues":[true]}]}`} {
		f.Add([]byte(s), 2)
		f.Add([]byte(s), 1)
	}
	rel := plainRelations{map[string]*pgmodel.Relation{"public.t": {Schema: "public", Name: "t",
		Columns: []pgmodel.Column{{Name: "id"}}}}}
	f.Fuzz(func(t *testing.T, b []byte, format int) {
		d := NewWal2JSON(Wal2JSONOptions{Format: format, Captured: func(Table) bool { return true }}, rel)
		frame := Frame{Data: b}
		_ = d.Decode(&frame, func(m *Message) error { describe(m); return nil })
	})
}
