package pgrepl

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/calypso-cdc/calypso/libs/change"
)

// DecoderbufsOptions are what the decoder of the decoderbufs plugin works with. The plugin itself has no options.
type DecoderbufsOptions struct {
	// Resume is where the stream begins.
	Resume Position
	// Captured says which tables' rows are wanted; of the others only the names are read.
	Captured func(Table) bool
	// Spool holds the transaction that is being received.
	Spool *Spool
	// Unidentified is told of an update or delete without any row: its table has neither a key nor a replica identity, and
	// the plugin sends nothing that says which row it was.
	Unidentified func(Table)
	// Extra are options, name and value.
	Extra [][2]string
}

// Decoderbufs decodes the messages of the decoderbufs plugin (RowMessage of pg_logicaldec.proto in
// debezium/postgres-decoderbufs, version 1.0 and later, which sends BEGIN and COMMIT).
//
// A row has its columns with type ids and values in binary form, which become PostgreSQL's text output here. The plugin
// sends no truncates and no logical messages. It does not say where a transaction's commit record lies, only where it
// ends, and that with the COMMIT: so a transaction is spooled until then, and Begin has no CommitLSN but the EndLSN.
type Decoderbufs struct {
	options   DecoderbufsOptions
	relations Relations
	byName    map[string]*described
	// last is the table of the row before, lastName its name as the plugin writes it.
	last     *described
	lastName []byte

	open bool
	// first says that no transaction was received yet.
	first bool
	begun LSN // position of the BEGIN message

	m    Message
	row  decoderbufsRow
	old  change.Tuple
	new  change.Tuple
	text []byte
}

// described is a table as its rows look at the moment.
type described struct {
	table    Table
	captured bool
	rel      *change.Relation // nil before the first row
	// modifiers are the columns' types as the plugin writes them; nil until a row had them.
	modifiers []string
}

// spoolTx names the only transaction in the spool.
const spoolTx = 1

// NewDecoderbufs makes the decoder of one stream.
func NewDecoderbufs(o DecoderbufsOptions, relations Relations) *Decoderbufs {
	return &Decoderbufs{options: o, relations: relations, byName: make(map[string]*described), first: true}
}

// PluginArgs implements Decoder.
func (d *Decoderbufs) PluginArgs() []string {
	var args []string
	for _, e := range d.options.Extra {
		args = append(args, QuoteIdent(e[0])+" "+QuoteLiteral(e[1]))
	}
	return args
}

// InTransaction implements Decoder. A stream that begins amid a transaction is in it from the start.
func (d *Decoderbufs) InTransaction() bool {
	return d.open || d.first && d.options.Resume.Ordinal > 0
}

// Operations of RowMessage.
const (
	opInsert = iota
	opUpdate
	opDelete
	opBegin
	opCommit
)

// decoderbufsRow is a RowMessage. Its slices alias the message.
type decoderbufsRow struct {
	op         uint64
	xid        uint32
	commitTime int64
	table      []byte
	new, old   []decoderbufsDatum
	modifiers  [][]byte
}

// decoderbufsDatum is a DatumMessage: a column's name as SQL would quote it, its type's id, and at most one value.
type decoderbufsDatum struct {
	name    []byte
	typ     uint32
	field   protowire.Number // of the value; 0 for none, which is NULL
	bits    uint64           // of a number or boolean
	bytes   []byte
	missing bool // an unchanged TOASTed value
}

// Fields of DatumMessage.
const (
	datumInt32   = 3
	datumInt64   = 4
	datumFloat   = 5
	datumDouble  = 6
	datumBool    = 7
	datumString  = 8
	datumBytes   = 9
	datumPoint   = 10
	datumMissing = 11
)

// Decode implements Decoder.
func (d *Decoderbufs) Decode(f *Frame, handle Handler) error {
	if err := d.decode(f, handle); err != nil {
		return fmt.Errorf("decode decoderbufs at %s: %w", f.Start, err)
	}
	return nil
}

func (d *Decoderbufs) decode(f *Frame, handle Handler) error {
	op, err := operation(f.Data)
	if err != nil {
		return err
	}
	switch op {
	case opBegin:
		if d.open {
			return errors.New("a transaction begins within another")
		}
		d.open, d.first, d.begun = true, false, f.Start
		return nil
	case opCommit:
		if !d.open {
			return errors.New("a transaction ends that did not begin")
		}
		d.open = false
		return d.commit(f, handle)
	}
	if !d.open {
		return errors.New("a row outside a transaction: the server's decoderbufs library is older than version 1.0; update it, or set plugin.name=pgoutput with a new slot")
	}
	return d.options.Spool.Add(spoolTx, spoolTx, f.Start, f.Data)
}

// commit hands the spooled transaction on. The position of a COMMIT message is the end of the commit record.
func (d *Decoderbufs) commit(f *Frame, handle Handler) error {
	if err := d.row.parse(f.Data); err != nil {
		return err
	}
	end, m := f.Start, &d.m
	*m = Message{Kind: Begin, LSN: d.begun, EndLSN: end, CommitTime: d.row.commitTime, XID: d.row.xid}
	if err := handle(m); err != nil {
		return err
	}
	err := d.options.Spool.Replay(spoolTx, func(at LSN, data []byte) error {
		if err := d.row.parse(data); err != nil {
			return err
		}
		m.LSN = at
		return d.emit(handle)
	})
	if err != nil {
		return err
	}
	d.options.Spool.Drop(spoolTx)
	m.Kind, m.LSN, m.EndLSN = Commit, end, end
	return handle(m)
}

// emit hands one row on.
func (d *Decoderbufs) emit(handle Handler) error {
	r, m := &d.row, &d.m
	t, err := d.describe(r)
	if err != nil {
		return err
	}
	d.text = d.text[:0]
	m.Relation, m.Old, m.New = t.rel, nil, nil
	switch r.op {
	case opInsert:
		m.Kind = Insert
	case opUpdate:
		m.Kind = Update
	case opDelete:
		m.Kind = Delete
	default:
		return fmt.Errorf("unknown operation %d", int64(r.op))
	}
	if !t.captured {
		return handle(m)
	}
	if len(r.new) == 0 && r.op != opDelete || len(r.old) == 0 && r.op == opDelete {
		d.options.Unidentified(t.table)
		return nil
	}
	if len(r.new) > 0 {
		if d.new, err = d.tuple(d.new[:0], r.new, nil); err != nil {
			return fmt.Errorf("table %s: %w", t.table, err)
		}
		m.New = d.new
	}
	if len(r.old) > 0 {
		if d.old, err = d.tuple(d.old[:0], r.old, t.rel); err != nil {
			return fmt.Errorf("table %s: %w", t.table, err)
		}
		m.Old = d.old
	}
	return handle(m)
}

// describe finds the table of a row as the row has it. The catalog is read again when a row has other columns or types
// than the one before; where the catalog is further than the row, the row wins.
func (d *Decoderbufs) describe(r *decoderbufsRow) (*described, error) {
	t := d.last
	if t == nil || !bytes.Equal(r.table, d.lastName) {
		var err error
		if t, err = d.named(r.table); err != nil {
			return nil, err
		}
	}
	if t.covers(r) {
		return t, nil
	}
	columns := r.new
	if len(columns) == 0 {
		columns = r.old
	}
	if len(columns) == 0 && t.rel != nil {
		return t, nil
	}
	known, err := d.relations.Named(t.table.Schema, t.table.Name, true)
	if err != nil {
		return nil, err
	}
	if known == nil {
		return nil, &Error{ReasonTableMissing, fmt.Sprintf("find table %s as the change saw it", t.table), errors.New("it was dropped or renamed since the change"),
			"The decoderbufs plugin does not say which table it was: set plugin.name=pgoutput with a new slot, which does."}
	}
	shape := RelationShape{OID: known.OID, Schema: known.Schema, Name: known.Name, ReplicaIdentity: known.ReplicaIdentity}
	t.modifiers = nil
	for i := range columns {
		c := ColumnShape{Name: unquote(columns[i].name), TypeOID: columns[i].typ, TypeMod: -1}
		for _, k := range known.Columns {
			if k.Name == c.Name {
				c.InIdentity = k.InIdentity
				if k.Type != nil && k.Type.OID == c.TypeOID {
					c.TypeMod = k.TypeMod
				}
			}
		}
		if len(r.modifiers) == len(columns) {
			t.modifiers = append(t.modifiers, string(r.modifiers[i]))
			c.TypeMod = typeModifier(c.TypeOID, string(r.modifiers[i]), c.TypeMod)
		}
		shape.Columns = append(shape.Columns, c)
	}
	t.rel, err = d.relations.Resolve(shape)
	return t, err
}

// named finds what is known of a table by the name that the plugin gives it: quoted where SQL needs that.
func (d *Decoderbufs) named(name []byte) (*described, error) {
	t := d.byName[string(name)]
	if t == nil {
		schema, rest := splitIdent(string(name))
		table, rest := splitIdent(rest)
		if schema == "" || table == "" || rest != "" {
			return nil, fmt.Errorf("%q is not schema.table", name)
		}
		t = &described{table: Table{schema, table}}
		if t.captured = d.options.Captured(t.table); !t.captured {
			t.rel = &change.Relation{Schema: schema, Name: table}
		}
		d.byName[string(name)] = t
	}
	d.last, d.lastName = t, append(d.lastName[:0], name...)
	return t, nil
}

// covers says whether a row has the columns and types of the rows before it.
func (t *described) covers(r *decoderbufsRow) bool {
	if !t.captured {
		return true
	}
	if t.rel == nil {
		return false
	}
	for _, columns := range [2][]decoderbufsDatum{r.new, r.old} {
		if len(columns) == 0 {
			continue
		}
		if len(columns) != len(t.rel.Columns) {
			return false
		}
		for i := range columns {
			c := &t.rel.Columns[i]
			if c.Type == nil || c.Type.OID != columns[i].typ || !sameIdent(columns[i].name, c.Name) {
				return false
			}
		}
	}
	if len(r.new) == 0 {
		return len(r.old) > 0
	}
	if len(r.modifiers) != len(t.modifiers) {
		return false
	}
	for i := range r.modifiers {
		if string(r.modifiers[i]) != t.modifiers[i] {
			return false
		}
	}
	return true
}

// tuple turns values into text. An old row without full replica identity, of relation old, holds only the identity.
func (d *Decoderbufs) tuple(t change.Tuple, columns []decoderbufsDatum, old *change.Relation) (change.Tuple, error) {
	for i := range columns {
		c := &columns[i]
		switch {
		case old != nil && !old.Columns[i].InIdentity:
			t = append(t, change.Datum{Kind: change.Absent})
		case c.missing:
			t = append(t, change.Datum{Kind: change.Unchanged})
		case c.field == 0:
			t = append(t, change.Datum{Kind: change.Null})
		case c.field == datumString, c.field == datumBytes && c.typ != oidBytea:
			t = append(t, change.Datum{Kind: change.Text, Data: c.bytes})
		default:
			from := len(d.text)
			var err error
			if d.text, err = c.appendText(d.text); err != nil {
				return t, fmt.Errorf("column %s: %w", c.name, err)
			}
			t = append(t, change.Datum{Kind: change.Text, Data: d.text[from:len(d.text):len(d.text)]})
		}
	}
	return t, nil
}

// Types whose values the plugin sends in a form of their own (pg_type.dat).
const (
	oidBytea       = 17
	oidMoney       = 790
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestampTZ = 1184
	oidInterval    = 1186
	oidTimeTZ      = 1266
)

// Days that the plugin sends for infinite dates: PostgreSQL's int32 limits, moved by the days from 1970 to 2000 with
// overflow.
const (
	dateInfinity    = math.MinInt32 + 10956
	dateMinInfinity = math.MinInt32 + 10957
)

// appendText appends a value as PostgreSQL's text output.
func (c *decoderbufsDatum) appendText(b []byte) ([]byte, error) {
	switch c.field {
	case datumInt32:
		n := int64(int32(c.bits))
		if c.typ != oidDate {
			return strconv.AppendInt(b, n, 10), nil
		}
		switch n {
		case dateInfinity:
			return append(b, "infinity"...), nil
		case dateMinInfinity:
			return append(b, "-infinity"...), nil
		}
		return appendDate(b, time.Unix(n*86400, 0).UTC(), ""), nil
	case datumInt64:
		n := int64(c.bits)
		switch c.typ {
		case oidTimestamp, oidTimestampTZ:
			switch n {
			case math.MaxInt64:
				return append(b, "infinity"...), nil
			case math.MinInt64:
				return append(b, "-infinity"...), nil
			}
			clock := string(appendClock(nil, floorMod(n, 86400_000_000)))
			if c.typ == oidTimestampTZ {
				clock += "+00"
			}
			return appendDate(b, time.UnixMicro(n).UTC(), " "+clock), nil
		case oidTime:
			return appendClock(b, n), nil
		case oidMoney:
			return appendMoney(b, n), nil
		}
		return strconv.AppendInt(b, n, 10), nil
	case datumFloat:
		return appendFloat(b, float64(math.Float32frombits(uint32(c.bits))), 32), nil
	case datumDouble:
		v := math.Float64frombits(c.bits)
		switch c.typ {
		case oidTimeTZ: // microseconds of the day in UTC
			return append(appendClock(b, floorMod(int64(v), 86400_000_000)), "+00"...), nil
		case oidInterval: // older versions: months are 30.4375 days
			if v < 0 {
				b, v = append(b, '-'), -v
			}
			return appendClock(b, int64(v)), nil
		}
		return appendFloat(b, v, 64), nil
	case datumBool:
		if c.bits != 0 {
			return append(b, 't'), nil
		}
		return append(b, 'f'), nil
	case datumBytes:
		return fmt.Appendf(b, `\x%x`, c.bytes), nil
	case datumPoint:
		return appendPoint(b, c.bytes)
	}
	return b, fmt.Errorf("value in unknown field %d", c.field)
}

func floorMod(n, m int64) int64 { return ((n % m) + m) % m }

// appendDate appends the date of t in ISO form, then rest, then BC where the year is.
func appendDate(b []byte, t time.Time, rest string) []byte {
	year, suffix := t.Year(), ""
	if year <= 0 {
		year, suffix = 1-year, " BC"
	}
	return fmt.Appendf(b, "%04d-%02d-%02d%s%s", year, int(t.Month()), t.Day(), rest, suffix)
}

// appendClock appends microseconds since midnight, which may be 24:00:00, or any number of hours.
func appendClock(b []byte, us int64) []byte {
	s, frac := us/1e6, us%1e6
	b = fmt.Appendf(b, "%02d:%02d:%02d", s/3600, s/60%60, s%60)
	if frac != 0 {
		b = bytes.TrimRight(fmt.Appendf(b, ".%06d", frac), "0")
	}
	return b
}

// appendMoney appends a sum of hundredths; the sign stands before everything else.
func appendMoney(b []byte, n int64) []byte {
	u := uint64(n)
	if n < 0 {
		b, u = append(b, '-'), -u
	}
	return fmt.Appendf(b, "%d.%02d", u/100, u%100)
}

func appendFloat(b []byte, v float64, bits int) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(b, "Infinity"...)
	case math.IsInf(v, -1):
		return append(b, "-Infinity"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits)
}

// appendPoint appends (x,y) from message Point.
func appendPoint(b, message []byte) ([]byte, error) {
	var xy [2]float64
	err := fields(message, func(n protowire.Number, bits uint64, _ []byte) {
		if n == 1 || n == 2 {
			xy[n-1] = math.Float64frombits(bits)
		}
	})
	b = appendFloat(append(b, '('), xy[0], 64)
	b = appendFloat(append(b, ','), xy[1], 64)
	return append(b, ')'), err
}

// parse reads a RowMessage.
func (r *decoderbufsRow) parse(message []byte) error {
	*r = decoderbufsRow{new: r.new[:0], old: r.old[:0], modifiers: r.modifiers[:0]}
	var failed error
	err := fields(message, func(n protowire.Number, bits uint64, b []byte) {
		switch n {
		case 1:
			r.xid = uint32(bits)
		case 2:
			r.commitTime = int64(bits)
		case 3:
			r.table = b
		case 4:
			r.op = bits
		case 5, 6:
			var c decoderbufsDatum
			if err := c.parse(b); err != nil {
				failed = err
			}
			if n == 5 {
				r.new = append(r.new, c)
			} else {
				r.old = append(r.old, c)
			}
		case 7:
			var modifier []byte
			if err := fields(b, func(n protowire.Number, _ uint64, b []byte) {
				if n == 1 {
					modifier = b
				}
			}); err != nil {
				failed = err
			}
			r.modifiers = append(r.modifiers, modifier)
		}
	})
	return errors.Join(err, failed)
}

func (c *decoderbufsDatum) parse(message []byte) error {
	return fields(message, func(n protowire.Number, bits uint64, b []byte) {
		switch n {
		case 1:
			c.name = b
		case 2:
			c.typ = uint32(bits)
		case datumMissing:
			c.missing = bits != 0
		case datumInt32, datumInt64, datumFloat, datumDouble, datumBool, datumString, datumBytes, datumPoint:
			c.field, c.bits, c.bytes = n, bits, b
		}
	})
}

// operation reads the operation of a RowMessage without the rest; one without any has none of the known.
func operation(message []byte) (uint64, error) {
	op := uint64(math.MaxUint64)
	err := fields(message, func(n protowire.Number, bits uint64, _ []byte) {
		if n == 4 {
			op = bits
		}
	})
	return op, err
}

// fields calls each for every field of a message: with bits for numbers, with b for what has a length.
func fields(message []byte, each func(n protowire.Number, bits uint64, b []byte)) error {
	for len(message) > 0 {
		n, typ, size := protowire.ConsumeTag(message)
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		var bits uint64
		var b []byte
		switch typ {
		case protowire.VarintType:
			bits, size = protowire.ConsumeVarint(message)
		case protowire.Fixed32Type:
			var v uint32
			v, size = protowire.ConsumeFixed32(message)
			bits = uint64(v)
		case protowire.Fixed64Type:
			bits, size = protowire.ConsumeFixed64(message)
		case protowire.BytesType:
			b, size = protowire.ConsumeBytes(message)
		default:
			return fmt.Errorf("field %d of wire type %d", n, typ)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		each(n, bits, b)
	}
	return nil
}

// splitIdent takes the first part off a name of parts separated by dots, each quoted where SQL needs that.
func splitIdent(name string) (first, rest string) {
	if !strings.HasPrefix(name, `"`) {
		first, rest, _ = strings.Cut(name, ".")
		return first, rest
	}
	for i := 1; i < len(name); i++ {
		if name[i] != '"' {
			continue
		}
		if i+1 < len(name) && name[i+1] == '"' {
			i++
			continue
		}
		return unquote([]byte(name[:i+1])), strings.TrimPrefix(name[i+1:], ".")
	}
	return "", name
}

// unquote undoes quote_identifier.
func unquote(ident []byte) string {
	if len(ident) < 2 || ident[0] != '"' {
		return string(ident)
	}
	return strings.ReplaceAll(string(ident[1:len(ident)-1]), `""`, `"`)
}

// sameIdent says whether ident, quoted or not, is name.
func sameIdent(ident []byte, name string) bool {
	if len(ident) > 0 && ident[0] == '"' {
		return unquote(ident) == name
	}
	return string(ident) == name
}

// typeModifier reads pg_attribute.atttypmod from what format_type made of it, such as numeric(6,2); otherwise where the
// type has another form of modifier.
func typeModifier(oid uint32, written string, otherwise int32) int32 {
	const numeric, bpchar, varchar, bit, varbit = 1700, 1042, 1043, 1560, 1562
	_, after, ok := strings.Cut(written, "(")
	inside, _, closed := strings.Cut(after, ")")
	var p, s int
	switch n, _ := fmt.Sscanf(strings.ReplaceAll(inside, ",", " "), "%d %d", &p, &s); {
	case !ok || !closed || n == 0:
		p = -1
	}
	switch oid {
	case numeric:
		if p < 0 {
			return -1
		}
		return int32(p<<16|s&0x7ff) + 4
	case bpchar, varchar:
		if p < 0 {
			return -1
		}
		return int32(p) + 4
	case bit, varbit, oidTime, oidTimeTZ, oidTimestamp, oidTimestampTZ:
		return int32(p)
	}
	return otherwise
}
