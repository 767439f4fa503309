package pgrepl

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// rowMessage builds a RowMessage of the decoderbufs plugin.
type rowMessage []byte

func row(op uint64, table string) rowMessage {
	m := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 7)
	m = protowire.AppendVarint(protowire.AppendTag(m, 2, protowire.VarintType), 1_000_000)
	if table != "" {
		m = protowire.AppendString(protowire.AppendTag(m, 3, protowire.BytesType), table)
	}
	return protowire.AppendVarint(protowire.AppendTag(m, 4, protowire.VarintType), op)
}

// datum appends a column to the new (5) or old (6) row; value is nil, an integer, a float, a string or bytes.
func (m rowMessage) datum(tuple protowire.Number, name string, typ uint64, field protowire.Number,
	value any) rowMessage {
	d := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
	d = protowire.AppendVarint(protowire.AppendTag(d, 2, protowire.VarintType), typ)
	switch v := value.(type) {
	case int64:
		d = protowire.AppendVarint(protowire.AppendTag(d, field, protowire.VarintType), uint64(v))
	case float32:
		d = protowire.AppendFixed32(protowire.AppendTag(d, field, protowire.Fixed32Type), math.Float32bits(v))
	case float64:
		d = protowire.AppendFixed64(protowire.AppendTag(d, field, protowire.Fixed64Type), math.Float64bits(v))
	case string:
		d = protowire.AppendString(protowire.AppendTag(d, field, protowire.BytesType), v)
	}
	return protowire.AppendBytes(protowire.AppendTag(m, tuple, protowire.BytesType), d)
}

func newTestDecoderbufs(types ...uint32) *Decoderbufs {
	rel := &pgmodel.Relation{OID: 9, Schema: "public", Name: "t", ReplicaIdentity: 'd'}
	for i, oid := range types {
		rel.Columns = append(rel.Columns, pgmodel.Column{Name: string(rune('a' + i)), InIdentity: i == 0, TypeMod: -1,
			Type: &pgmodel.Type{OID: oid, Kind: pgmodel.BaseType}})
	}
	return NewDecoderbufs(DecoderbufsOptions{Captured: func(t Table) bool { return t.Name != "other" },
		Spool: NewSpool("", 1<<20), Unidentified: func(Table) {}},
		plainRelations{map[string]*pgmodel.Relation{"public.t": rel}})
}

func TestADecoderbufsValueBecomesPostgreSQLsText(t *testing.T) {
	point := string(protowire.AppendFixed64(protowire.AppendTag(protowire.AppendFixed64(protowire.AppendTag(nil, 1,
		protowire.Fixed64Type), math.Float64bits(1.5)), 2, protowire.Fixed64Type), math.Float64bits(-2)))
	for _, c := range []struct {
		typ   uint64
		field protowire.Number
		value any
		want  string
	}{
		{16, datumBool, int64(1), "t"}, {16, datumBool, int64(0), "f"},
		{23, datumInt32, int64(-5), "-5"}, {20, datumInt64, int64(math.MinInt64), "-9223372036854775808"},
		{26, datumInt64, int64(math.MaxUint32), "4294967295"},
		{700, datumFloat, float32(1.1), "1.1"}, {701, datumDouble, 1e-300, "1e-300"}, {701, datumDouble, math.NaN(), "NaN"},
		{701, datumDouble, math.Inf(-1), "-Infinity"},
		{1700, datumString, "NaN", "NaN"}, {25, datumString, "", ""}, {17, datumBytes, "\x01\xff", `\x01ff`},
		{17, datumBytes, "", `\x`}, {1007, datumBytes, "{1,NULL}", "{1,NULL}"},
		{oidDate, datumInt32, int64(18263), "2020-01-02"}, {oidDate, datumInt32, int64(-735160), "0044-03-15 BC"},
		{oidDate, datumInt32, int64(-2147472692), "infinity"}, {oidDate, datumInt32, int64(-2147472691), "-infinity"},
		{oidTime, datumInt64, int64(86_400_000_000), "24:00:00"}, {oidTime, datumInt64, int64(36_672_500_000), "10:11:12.5"},
		{oidTimeTZ, datumDouble, 29472500000.0, "08:11:12.5+00"}, {oidTimeTZ, datumDouble, -3600e6, "23:00:00+00"},
		{oidTimestamp, datumInt64, int64(1577840523456000), "2020-01-01 01:02:03.456"},
		{oidTimestamp, datumInt64, int64(math.MaxInt64), "infinity"},
		{oidTimestamp, datumInt64, int64(-1), "1969-12-31 23:59:59.999999"},
		{oidTimestampTZ, datumInt64, int64(1577833323000000), "2019-12-31 23:02:03+00"},
		{oidTimestampTZ, datumInt64, int64(math.MinInt64), "-infinity"},
		{oidTimestamp, datumInt64, int64(math.MaxInt64 - 1), "294247-01-10 04:00:54.775806"},
		{oidTimestamp, datumInt64, int64(math.MinInt64 + 1), "294247-01-10 04:00:54.775809"},
		{oidTimestamp, datumInt64, int64(-9222426057709551616 - 1), "294276-12-31 23:59:59.999999"},
		{oidTimestampTZ, datumInt64, int64(-9222426057709551616 - 1), "294276-12-31 23:59:59.999999+00"},
		{oidTimestamp, datumInt64, int64(-210866803200000000), "4714-11-24 00:00:00 BC"},
		{oidInterval, datumString, "1 year 2 mons", "1 year 2 mons"}, {oidInterval, datumDouble, -5_500_000.0, "-00:00:05.5"},
		{oidMoney, datumInt64, int64(123450), "1234.50"}, {oidMoney, datumInt64, int64(-5), "-0.05"},
		{600, datumPoint, point, "(1.5,-2)"},
	} {
		d := newTestDecoderbufs(uint32(c.typ))
		got := decode(t, d, message(row(opBegin, "")),
			message(row(opInsert, "public.t").datum(5, "a", c.typ, c.field, c.value)), message(row(opCommit, "")))
		if want := `I public.t new=("` + strings.ReplaceAll(c.want, `\`, `\\`) + `")`; got[1] != want {
			t.Errorf("type %d: %s, want %s", c.typ, got[1], want)
		}
	}
}

func TestADecoderbufsTransactionComesWholeAfterItsCommit(t *testing.T) {
	d := newTestDecoderbufs(23, 25)
	if got := decode(t, d, message(row(opBegin, "")),
		message(row(opInsert, "public.t").datum(5, "a", 23, datumInt32, int64(1)).datum(5, "b", 25, 0, nil)),
		message(row(opUpdate, "public.t").datum(6, "a", 23, datumInt32, int64(1)).datum(6, "b", 25, 0, nil).datum(5, "a", 23,
			datumInt32, int64(2)).datum(5, "b", 25, datumMissing, int64(1))),
		message(row(opDelete, `public."t"`).datum(6, "a", 23, datumInt32, int64(2)).datum(6, `"b"`, 25, 0, nil)),
		message(row(opInsert, "public.other").datum(5, "x", 23, 0, nil))); got != nil {
		t.Errorf("before the commit came %v", got)
	}
	if !d.InTransaction() {
		t.Error("no transaction is open before the commit")
	}
	got := strings.Join(decode(t, d, message(row(opCommit, ""))), "\n")
	want := `B xid=7 commit=0/0
I public.t new=("1" n)
U public.t old=("1" a) new=("2" u)
D public.t old=("2" a)
I public.other
C end=0/1`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if memory, disk := d.options.Spool.Bytes(); d.InTransaction() || disk != 0 || d.options.Spool.Open() != 0 {
		t.Errorf("after the commit a transaction is open (%t) or spooled (%d, %d bytes)", d.InTransaction(), memory, disk)
	}
}

func TestAChangeOfAnUnidentifiedRowIsReported(t *testing.T) {
	d := newTestDecoderbufs(23)
	var told []string
	d.options.Unidentified = func(t Table) { told = append(told, t.String()) }
	got := decode(t, d, message(row(opBegin, "")), message(row(opUpdate, "public.t")), message(row(opDelete, "public.t")),
		message(row(opCommit, "")))
	if len(got) != 2 || len(told) != 2 {
		t.Errorf("messages %v, reported %v", got, told)
	}
}

func TestAStreamThatResumesWithinADecoderbufsTransactionKnowsIt(t *testing.T) {
	d := newTestDecoderbufs(23)
	d.options.Resume = Position{Commit: 5, Ordinal: 2}
	if !d.InTransaction() {
		t.Error("it is not in a transaction before the first message")
	}
	decode(t, d, message(row(opBegin, "")), message(row(opCommit, "")))
	if d.InTransaction() {
		t.Error("it is in a transaction after the first commit")
	}
}

func TestNamesInDecoderbufsAreUnquoted(t *testing.T) {
	for name, want := range map[string]Table{
		`public.t`: {"public", "t"}, `"Sché m"."T é"`: {"Sché m", "T é"}, `"a.b"."c""d"`: {"a.b", `c"d`},
		`s."x.y"`: {"s", "x.y"},
	} {
		schema, rest := splitIdent(name)
		table, rest := splitIdent(rest)
		if got := (Table{schema, table}); got != want || rest != "" {
			t.Errorf("%s is %v and %q, want %v", name, got, rest, want)
		}
	}
	for written, want := range map[string]int32{"numeric(6,2)": 6<<16 + 2 + 4, "numeric(5,-2)": 5<<16 | 2046 + 4,
		"numeric": -1} {
		if got := typeModifier(1700, written, -1); got != want {
			t.Errorf("modifier of %s is %d, want %d", written, got, want)
		}
	}
	if got := typeModifier(oidTimestamp, "timestamp(3) without time zone", -1); got != 3 {
		t.Errorf("modifier of timestamp(3) is %d", got)
	}
	if got := typeModifier(1043, "character varying(20)", -1); got != 24 {
		t.Errorf("modifier of varchar(20) is %d", got)
	}
}

func FuzzDecoderbufsNeverPanics(f *testing.F) {
	f.Add([]byte(row(opBegin, "")), []byte(row(opInsert, "public.t").datum(5, "a", 23, datumInt32, int64(1))),
		[]byte(row(opCommit, "")))
	f.Add([]byte(row(opBegin, "")),
		[]byte(row(opUpdate, `"public"."t"`).datum(6, "a", 23, datumInt32, int64(1)).datum(5, "a", 600, datumPoint, "\x09")),
		[]byte(row(opCommit, "")))
	f.Fuzz(func(t *testing.T, first, second, third []byte) {
		d := newTestDecoderbufs(23)
		defer d.options.Spool.Close()
		for _, b := range [][]byte{first, second, third} {
			if len(b) == 0 {
				continue
			}
			frame := Frame{Data: b}
			if d.Decode(&frame, func(m *Message) error { describe(m); return nil }) != nil {
				return
			}
		}
	})
}
