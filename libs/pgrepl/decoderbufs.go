package pgrepl

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// DecoderbufsOptions are the options of the decoder; the decoderbufs plugin itself has none.
type DecoderbufsOptions struct {
	// Resume is where the stream begins.
	Resume Position
	// Captured reports whether a table's rows are wanted; of other tables only the names are read.
	Captured func(Table) bool
	// Spool holds the transaction that is being received.
	Spool *Spool
	// Unidentified is called for an update or delete without any row: its table has neither a key nor
	// a replica identity, and the plugin sends nothing to identify the row.
	Unidentified func(Table)
	// Extra holds further options, as names and values.
	Extra [][2]string
}

// Decoderbufs decodes the messages of the decoderbufs plugin (RowMessage of pg_logicaldec.proto in
// debezium/postgres-decoderbufs, version 1.0 and later, which sends BEGIN and COMMIT).
//
// A row has its columns' type ids and binary values, which the decoder turns into PostgreSQL's text
// output. The plugin sends no truncates and no logical messages. Of a transaction's commit record
// it tells only the end, and only with COMMIT: so a transaction is spooled until then, and Begin
// has an EndLSN instead of a CommitLSN.
type Decoderbufs struct {
	options   DecoderbufsOptions
	relations Relations
	byName    map[string]*described
	// last is the table of the previous row, lastName its name as the plugin writes it.
	last     *described
	lastName []byte

	open bool
	// first is true until a transaction was received.
	first bool
	begun LSN // position of the BEGIN message

	m    Message
	row  decoderbufsRow
	old  pgmodel.Tuple
	new  pgmodel.Tuple
	text []byte
}

// described is a table as its latest rows look.
type described struct {
	table    Table
	captured bool
	rel      *pgmodel.Relation // nil before the first row
	// modifiers holds the columns' types as the plugin writes them; nil until a row had them.
	modifiers []string
	// notNull is true for columns that are NOT NULL; it is as long as modifiers.
	notNull []bool
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

// InTransaction implements Decoder. A stream that begins in the middle of a transaction is inside
// it from the start.
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
			return errors.New("a transaction begins inside another")
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
		return errors.New(
			"a row outside a transaction: the server's decoderbufs library is older than version 1.0; update it, or set plugin.name=pgoutput with a new slot")
	}
	return d.options.Spool.Add(spoolTx, spoolTx, f.Start, f.Data)
}

// commit passes on the spooled transaction. The position of a COMMIT message is the end of the
// commit record.
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

// emit passes on one row.
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

// describe returns the table of a row, in the version of the row. The catalog is read again when a
// row has other columns, types or replica identity than the row before; where the catalog is newer
// than the row, the row wins.
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
	known, err := d.relations.Named(t.table.Schema, t.table.Name)
	if err != nil {
		return nil, err
	}
	if known == nil {
		return nil, &Error{ReasonTableMissing, fmt.Sprintf("find table %s as the change saw it", t.table),
			errors.New("it was dropped or renamed since the change"),
			"The decoderbufs plugin does not say which table it was: set plugin.name=pgoutput with a new slot, which does."}
	}
	shape := RelationShape{OID: known.OID, Schema: known.Schema, Name: known.Name, ReplicaIdentity: known.ReplicaIdentity}
	t.modifiers, t.notNull = nil, nil
	for i := range columns {
		c := ColumnShape{Name: unquote(columns[i].name), TypeOID: columns[i].typ, TypeMod: -1}
		old := i < len(r.old)
		c.InIdentity = old && r.old[i].has()
		for _, k := range known.Columns {
			if k.Name == c.Name {
				c.InIdentity = c.InIdentity || k.InIdentity && !(old && k.NeverNull)
				if k.Type != nil && k.Type.OID == c.TypeOID {
					c.TypeMod = k.TypeMod
				}
			}
		}
		if len(r.modifiers) == len(columns) {
			t.modifiers = append(t.modifiers, string(r.modifiers[i]))
			t.notNull = append(t.notNull, r.notNull[i])
			c.TypeMod, c.NotNull = typeModifier(c.TypeOID, string(r.modifiers[i]), c.TypeMod), &t.notNull[i]
		}
		shape.Columns = append(shape.Columns, c)
	}
	t.rel, err = d.relations.Resolve(shape)
	return t, err
}

// named returns what is known of a table by the plugin's name for it, which is quoted where SQL
// requires that.
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
			t.rel = &pgmodel.Relation{Schema: schema, Name: table}
		}
		d.byName[string(name)] = t
	}
	d.last, d.lastName = t, append(d.lastName[:0], name...)
	return t, nil
}

// covers reports whether a row has the same columns and types as the rows before it.
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
	for i := range r.old {
		// Columns outside the identity come as NULL, so a nullable column proves nothing.
		if c := &t.rel.Columns[i]; r.old[i].has() != c.InIdentity && (r.old[i].has() || c.NeverNull) {
			return false
		}
	}
	if len(r.new) == 0 {
		return len(r.old) > 0
	}
	if len(r.modifiers) != len(t.modifiers) {
		return false
	}
	for i := range r.modifiers {
		if string(r.modifiers[i]) != t.modifiers[i] || r.notNull[i] != t.notNull[i] {
			return false
		}
	}
	return true
}

// tuple turns values into text. old is the relation of an old row without full replica identity,
// which holds only the identity; otherwise nil.
func (d *Decoderbufs) tuple(t pgmodel.Tuple, columns []decoderbufsDatum, old *pgmodel.Relation) (pgmodel.Tuple, error) {
	for i := range columns {
		c := &columns[i]
		switch {
		case old != nil && !old.Columns[i].InIdentity:
			t = append(t, pgmodel.Datum{Kind: pgmodel.Absent})
		case c.missing:
			t = append(t, pgmodel.Datum{Kind: pgmodel.Unchanged})
		case c.field == 0:
			t = append(t, pgmodel.Datum{Kind: pgmodel.Null})
		case c.field == datumString, c.field == datumBytes && c.typ != oidBytea:
			t = append(t, pgmodel.Datum{Kind: pgmodel.Text, Data: c.bytes})
		default:
			from := len(d.text)
			var err error
			if d.text, err = c.appendText(d.text); err != nil {
				return t, fmt.Errorf("column %s: %w", c.name, err)
			}
			t = append(t, pgmodel.Datum{Kind: pgmodel.Text, Data: d.text[from:len(d.text):len(d.text)]})
		}
	}
	return t, nil
}
