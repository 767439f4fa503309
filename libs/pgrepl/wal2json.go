package pgrepl

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// Wal2JSONOptions are the options of the wal2json plugin.
type Wal2JSONOptions struct {
	// Format is 1 (a message is a whole transaction) or 2 (a message is a change).
	Format int
	// PlainNumbers leaves out numeric-data-types-as-string, which versions before 2.6 do not know. NaN
	// and infinities then come as null.
	PlainNumbers bool
	// Captured reports whether a table's rows are wanted; of other tables only the names are read.
	Captured func(Table) bool
	// Extra holds further options, as names and values.
	Extra [][2]string
}

// Wal2JSON decodes the messages of the wal2json plugin (README of eulerto/wal2json). It reads the
// JSON in one pass, into tuples that alias the frame unless a value has to be unescaped.
//
// The plugin names tables and columns without describing them, so relations come from the catalog.
// It leaves out unchanged TOASTed values, which become pgmodel.Unchanged. It writes NaN and
// infinities as null, unless it is new enough for its option numeric-data-types-as-string.
type Wal2JSON struct {
	options   Wal2JSONOptions
	relations Relations
	// last is the previous row's relation.
	last *pgmodel.Relation
	// types holds the column types that each table's rows had last, to notice when the table is
	// altered; lastTypes are those of last.
	types     map[Table]*rowTypes
	lastTypes *rowTypes
	// others holds the tables that are not captured.
	others map[Table]*pgmodel.Relation

	open bool
	m    Message
	j    jsonScanner
	row  wal2jsonRow
	old  pgmodel.Tuple
	new  pgmodel.Tuple
	// text holds values that differ from the bytes in the frame, because they are unescaped or
	// rewritten.
	text []byte
}

// NewWal2JSON makes the decoder of one stream.
func NewWal2JSON(o Wal2JSONOptions, relations Relations) *Wal2JSON {
	return &Wal2JSON{options: o, relations: relations, others: make(map[Table]*pgmodel.Relation),
		types: make(map[Table]*rowTypes)}
}

// rowTypes maps columns to types, for rows and for their identities.
type rowTypes struct{ columns, identity map[string]string }

// changed records the types of a row and reports whether any of them is new. Those of the first row
// are: the catalog may have been read before they changed.
func (t *rowTypes) changed(r *wal2jsonRow) bool {
	columns, identity := note(t.columns, r.columns), note(t.identity, r.identity)
	return columns || identity
}

func note(types map[string]string, values []wal2jsonValue) (changed bool) {
	for _, v := range values {
		if len(v.typ) > 0 && types[string(v.name)] != string(v.typ) {
			types[string(v.name)] = string(v.typ)
			changed = true
		}
	}
	return changed
}

// PluginArgs implements Decoder.
func (w *Wal2JSON) PluginArgs() []string {
	format := "2"
	if w.options.Format == 1 {
		format = "1"
	}
	args := []string{`"format-version" '` + format + `'`, `"include-xids" 'true'`, `"include-timestamp" 'true'`,
		`"include-lsn" 'true'`}
	if !w.options.PlainNumbers {
		args = append(args, `"numeric-data-types-as-string" 'true'`)
	}
	if format == "2" {
		args = append(args, `"include-transaction" 'true'`)
	}
	for _, e := range w.options.Extra {
		args = append(args, QuoteIdent(e[0])+" "+QuoteLiteral(e[1]))
	}
	return args
}

// InTransaction implements Decoder.
func (w *Wal2JSON) InTransaction() bool { return w.open }

// wal2jsonRow is one of the plugin's objects, an action with its values. The slices alias the
// frame.
type wal2jsonRow struct {
	action            byte
	schema, table     []byte
	xid               uint64
	time              []byte
	lsn, next         []byte
	prefix, content   []byte
	transactional     bool
	columns, identity []wal2jsonValue
	// kind and the parallel arrays are those of format 1.
	kind                          []byte
	names, types, values          []wal2jsonValue
	oldNames, oldTypes, oldValues []wal2jsonValue
}

// wal2jsonValue is a column's name, type and value.
type wal2jsonValue struct {
	name  []byte
	typ   []byte // empty if the plugin was told to leave it out
	value jsonValue
}

// Decode implements Decoder.
func (w *Wal2JSON) Decode(f *Frame, handle Handler) error {
	w.j = jsonScanner{b: f.Data}
	w.text = w.text[:0]
	var err error
	if w.options.Format == 1 {
		err = w.decodeTransaction(f, handle)
	} else {
		err = w.decodeAction(f, handle)
	}
	if err != nil {
		return fmt.Errorf("decode wal2json at %s: %w", f.Start, err)
	}
	return nil
}

// decodeAction reads a message of format 2: {"action":"I","schema":…,"table":…,"columns":[…],"identity":[…]}.
func (w *Wal2JSON) decodeAction(f *Frame, handle Handler) error {
	w.row.reset()
	if err := w.object(&w.row); err != nil {
		return err
	}
	if err := w.j.end(); err != nil {
		return err
	}
	return w.emit(f.Start, &w.row, handle)
}

// emit passes on one action.
func (w *Wal2JSON) emit(at LSN, r *wal2jsonRow, handle Handler) error {
	m := &w.m
	m.LSN = at
	switch r.action {
	case 'B':
		lsn, err := ParseLSN(string(r.lsn))
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		when, err := parseTimestamp(r.time)
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		m.Kind, m.CommitLSN, m.CommitTime, m.XID, m.EndLSN = Begin, lsn, when, uint32(r.xid), 0
		w.open = true
	case 'C':
		end, err := ParseLSN(string(r.next))
		if err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		m.Kind, m.EndLSN = Commit, end
		w.open = false
	case 'I', 'U', 'D':
		return w.emitRow(r, handle)
	case 'T':
		rel, err := w.relation(r, nil, nil)
		if err != nil {
			return err
		}
		m.Kind, m.Truncated = Truncate, []*pgmodel.Relation{rel}
	case 'M':
		m.Kind, m.Prefix, m.Content, m.Transactional = Logical, r.prefix, r.content, r.transactional
		if !m.Transactional {
			m.XID = 0
		}
	default:
		return fmt.Errorf("unknown action %q", r.action)
	}
	return handle(m)
}

func (w *Wal2JSON) emitRow(r *wal2jsonRow, handle Handler) error {
	rel, err := w.relation(r, r.columns, r.identity)
	if err != nil {
		return err
	}
	m := &w.m
	m.Relation, m.Old, m.New = rel, nil, nil
	if m.Kind = Kind(r.action); rel.Columns == nil {
		return handle(m) // not captured
	}
	if r.action != 'D' {
		missing := pgmodel.Unchanged
		if r.action == 'I' {
			missing = pgmodel.Null // a generated column, which the plugin does not send
		}
		if w.new, err = w.tuple(w.new[:0], rel, r.columns, missing); err != nil {
			return err
		}
		m.New = w.new
	}
	if r.action != 'I' && len(r.identity) > 0 {
		if w.old, err = w.tuple(w.old[:0], rel, r.identity, pgmodel.Absent); err != nil {
			return err
		}
		// This plugin sends the identity with every update, the others only if it changed or is the whole
		// row.
		if r.action == 'D' || wholeRow(rel, w.old) || !sameIdentity(w.old, w.new) {
			m.Old = w.old
		}
	}
	return handle(m)
}

// wholeRow reports whether a row's identity is the whole row, as with replica identity FULL. The
// catalog may have been read before or after the identity changed; an identity that lacks a
// column that is never NULL is not the whole row, whatever the catalog says.
func wholeRow(rel *pgmodel.Relation, identity pgmodel.Tuple) bool {
	if rel.ReplicaIdentity != 'f' {
		return false
	}
	for i, d := range identity {
		if c := &rel.Columns[i]; d.Kind == pgmodel.Absent && c.NeverNull && !c.Generated {
			return false
		}
	}
	return true
}

func sameIdentity(old, new pgmodel.Tuple) bool {
	for i, d := range old {
		if d.Kind != pgmodel.Absent && (d.Kind != new[i].Kind || string(d.Data) != string(new[i].Data)) &&
			new[i].Kind != pgmodel.Unchanged {
			return false
		}
	}
	return true
}

// relation returns the table of a row. If the row has a column that the catalog's version lacks, or
// types that differ from the previous row's, the catalog is read again. A column that is missing
// even then, because the table was altered after the row, is an error; it is never left out.
func (w *Wal2JSON) relation(r *wal2jsonRow, columns, identity []wal2jsonValue) (*pgmodel.Relation, error) {
	rel := w.last
	if rel == nil || rel.Name != string(r.table) || rel.Schema != string(r.schema) {
		if t := (Table{string(r.schema), string(r.table)}); !w.options.Captured(t) {
			return w.other(t), nil
		}
		rel = w.relations.Known(string(r.schema), string(r.table))
		w.lastTypes = w.typesOf(Table{string(r.schema), string(r.table)})
	}
	if w.lastTypes.changed(r) || rel == nil || !covers(rel, columns) || !covers(rel, identity) ||
		(r.action == 'I' && lacks(rel, columns)) {
		var err error
		if rel, err = w.relations.Named(string(r.schema), string(r.table)); err != nil {
			return nil, err
		}
		if rel == nil || !covers(rel, columns) || !covers(rel, identity) {
			return nil, &Error{ReasonTableMissing, fmt.Sprintf("find table %s.%s as the change saw it", r.schema, r.table),
				errors.New("it was dropped, or columns of it were, since the change"),
				"The wal2json plugin does not describe tables: set plugin.name=pgoutput with a new slot, which does."}
		}
	}
	w.last = rel
	return rel, nil
}

func (w *Wal2JSON) typesOf(t Table) *rowTypes {
	if w.types[t] == nil {
		w.types[t] = &rowTypes{make(map[string]string), make(map[string]string)}
	}
	return w.types[t]
}

// other returns a table that is not captured: it may be gone by now, and its columns do not matter.
func (w *Wal2JSON) other(t Table) *pgmodel.Relation {
	if w.others[t] == nil {
		w.others[t] = &pgmodel.Relation{Schema: t.Schema, Name: t.Name}
	}
	return w.others[t]
}

func covers(rel *pgmodel.Relation, values []wal2jsonValue) bool {
	at := 0
	for _, v := range values {
		if at = columnFrom(rel, v.name, at); at < 0 {
			return false
		}
		at++
	}
	return true
}

// lacks reports whether an inserted row has no value for a column that is not generated, which
// means that the row is older than the column.
func lacks(rel *pgmodel.Relation, values []wal2jsonValue) bool {
	n := 0
	for i := range rel.Columns {
		if !rel.Columns[i].Generated {
			n++
		}
	}
	return len(values) < n
}

// columnFrom finds a column by name, starting at a guess, since the plugin sends columns in the
// table's order.
func columnFrom(rel *pgmodel.Relation, name []byte, guess int) int {
	for i := range rel.Columns {
		k := (guess + i) % len(rel.Columns)
		if rel.Columns[k].Name == string(name) {
			return k
		}
	}
	return -1
}

// tuple puts values at the places of their columns; all other columns are missing.
func (w *Wal2JSON) tuple(t pgmodel.Tuple, rel *pgmodel.Relation, values []wal2jsonValue,
	missing pgmodel.Kind) (pgmodel.Tuple, error) {
	for range rel.Columns {
		t = append(t, pgmodel.Datum{Kind: missing})
	}
	at := 0
	for i := range values {
		v := &values[i]
		k := columnFrom(rel, v.name, at)
		if k < 0 {
			return t, fmt.Errorf("column %s of table %s.%s is unknown", v.name, rel.Schema, rel.Name)
		}
		at = k + 1
		d, err := w.datum(&rel.Columns[k], v.value)
		if err != nil {
			return t, fmt.Errorf("column %s of table %s.%s: %w", v.name, rel.Schema, rel.Name, err)
		}
		t[k] = d
	}
	return t, nil
}

// datum turns a JSON value into PostgreSQL's text output.
func (w *Wal2JSON) datum(c *pgmodel.Column, v jsonValue) (pgmodel.Datum, error) {
	switch v.kind {
	case 'n':
		return pgmodel.Datum{Kind: pgmodel.Null}, nil
	case 't':
		return pgmodel.Datum{Kind: pgmodel.Text, Data: wordTrue}, nil
	case 'f':
		return pgmodel.Datum{Kind: pgmodel.Text, Data: wordFalse}, nil
	case '0':
		return pgmodel.Datum{Kind: pgmodel.Text, Data: v.raw}, nil
	case '"':
		data := v.raw
		if c.Type != nil && c.Type.Name == "bytea" && c.Type.Kind == pgmodel.BaseType {
			from := len(w.text)
			w.text = append(append(w.text, `\x`...), data...) // the plugin leaves out the prefix
			data = w.text[from:len(w.text):len(w.text)]
		}
		return pgmodel.Datum{Kind: pgmodel.Text, Data: data}, nil
	}
	return pgmodel.Datum{}, fmt.Errorf("a value of JSON kind %q", v.kind)
}

var (
	wordTrue  = []byte("t")
	wordFalse = []byte("f")
)

func (r *wal2jsonRow) reset() {
	*r = wal2jsonRow{columns: r.columns[:0], identity: r.identity[:0], names: r.names[:0], types: r.types[:0],
		values:   r.values[:0],
		oldNames: r.oldNames[:0], oldTypes: r.oldTypes[:0], oldValues: r.oldValues[:0]}
}

// object reads one action object of either format; members that it does not know are skipped.
func (w *Wal2JSON) object(r *wal2jsonRow) error {
	return w.j.object(func(name []byte) error {
		var err error
		switch string(name) {
		case "action":
			var s []byte
			if s, err = w.string(); err == nil && len(s) == 1 {
				r.action = s[0]
			} else if err == nil {
				err = fmt.Errorf("action %q", s)
			}
		case "kind":
			r.kind, err = w.string()
		case "xid":
			r.xid, err = w.number()
		case "timestamp":
			r.time, err = w.stringOrNull()
		case "lsn":
			r.lsn, err = w.string()
		case "nextlsn":
			r.next, err = w.string()
		case "schema":
			r.schema, err = w.string()
		case "table":
			r.table, err = w.string()
		case "prefix":
			r.prefix, err = w.string()
		case "content":
			r.content, err = w.string()
		case "transactional":
			var v jsonValue
			v, err = w.j.value()
			r.transactional = v.kind == 't'
		case "columns":
			r.columns, err = w.namedValues(r.columns)
		case "identity":
			r.identity, err = w.namedValues(r.identity)
		case "columnnames":
			r.names, err = w.list(r.names, w.unescaped)
		case "columntypes":
			r.types, err = w.list(r.types, w.typeName)
		case "columnvalues":
			r.values, err = w.list(r.values, w.unescaped)
		case "pk":
			err = w.primaryKey()
		case "oldkeys":
			err = w.j.object(func(name []byte) error {
				var err error
				switch string(name) {
				case "keynames":
					r.oldNames, err = w.list(r.oldNames, w.unescaped)
				case "keytypes":
					r.oldTypes, err = w.list(r.oldTypes, w.typeName)
				case "keyvalues":
					r.oldValues, err = w.list(r.oldValues, w.unescaped)
				default:
					err = w.j.skip()
				}
				return err
			})
		default:
			err = w.j.skip()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
}

// namedValues reads [{"name":…,"type":…,"value":…},…].
func (w *Wal2JSON) namedValues(into []wal2jsonValue) ([]wal2jsonValue, error) {
	err := w.j.array(func() error {
		var v wal2jsonValue
		err := w.j.object(func(name []byte) error {
			var err error
			switch string(name) {
			case "name":
				v.name, err = w.string()
			case "type":
				var t jsonValue
				t, err = w.typeName()
				v.typ = t.raw
			case "value":
				v.value, err = w.unescaped()
			default:
				err = w.j.skip()
			}
			return err
		})
		into = append(into, v)
		return err
	})
	return into, err
}

// list reads an array of plain values.
func (w *Wal2JSON) list(into []wal2jsonValue, read func() (jsonValue, error)) ([]wal2jsonValue, error) {
	err := w.j.array(func() error {
		v, err := read()
		into = append(into, wal2jsonValue{value: v})
		return err
	})
	return into, err
}

// typeName reads the name of a type. The plugin writes most that begin with a quoted identifier as
// they are, which is not JSON: "Odd Schema"."Mood", in which a backslash escapes nothing.
func (w *Wal2JSON) typeName() (jsonValue, error) {
	j := &w.j
	j.space()
	from := j.i
	if !startsAsIs(j.b[from:]) {
		return w.unescaped()
	}
	if !j.pastQuoted() {
		return jsonValue{}, errShortJSON
	}
	end := j.i
	v := jsonValue{kind: '"', raw: j.b[from+1 : end-1 : end-1]}
	for j.i < len(j.b) {
		switch rest := j.b[j.i:]; {
		case rest[0] == '"':
			if !j.pastQuoted() {
				return v, errShortJSON
			}
		case bytes.HasPrefix(rest, []byte("[]")):
			j.i += len("[]")
		case rest[0] == '(':
			j.i += bytes.IndexByte(rest, ')') + 1
			if j.b[j.i-1] != ')' {
				return v, errShortJSON
			}
		case rest[0] == '.' || rest[0] == '_' || rest[0] >= 'a' && rest[0] <= 'z' || rest[0] >= '0' && rest[0] <= '9' ||
			rest[0] >= 0x80:
			j.i++
		default:
			if j.i > end {
				v.raw = j.b[from:j.i:j.i]
			}
			return v, nil
		}
	}
	return v, errShortJSON
}

// startsAsIs reports whether s begins with the name of a type in which nothing is escaped. JSON
// escapes the quote that opens an identifier: "low.\"Mood\"", "\"Mood\"[]".
func startsAsIs(s []byte) bool {
	if len(s) == 0 || s[0] != '"' {
		return false
	}
	i := 1
	for i < len(s) && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return !bytes.HasPrefix(s[i:], []byte(`\"`)) || i > 1 && s[i-1] != '.'
}

// primaryKey goes past the primary key that include-pk adds, which the catalog tells as well. The
// names of its types may not be JSON.
func (w *Wal2JSON) primaryKey() error {
	member := func(name []byte) error {
		var err error
		switch string(name) {
		case "type":
			_, err = w.typeName()
		case "pktypes":
			err = w.j.array(func() error {
				_, err := w.typeName()
				return err
			})
		default:
			err = w.j.skip()
		}
		return err
	}
	if w.j.space(); w.j.i < len(w.j.b) && w.j.b[w.j.i] == '{' { // format 1
		return w.j.object(member)
	}
	return w.j.array(func() error { return w.j.object(member) })
}

// unescaped reads a plain value; a string is unescaped.
func (w *Wal2JSON) unescaped() (jsonValue, error) {
	v, err := w.j.value()
	if err != nil || v.kind != '"' || !v.escaped {
		return v, err
	}
	from := len(w.text)
	if w.text, err = appendUnescaped(w.text, v.raw); err != nil {
		return v, err
	}
	v.raw, v.escaped = w.text[from:len(w.text):len(w.text)], false
	return v, nil
}

func (w *Wal2JSON) string() ([]byte, error) {
	v, err := w.unescaped()
	if err == nil && v.kind != '"' {
		err = fmt.Errorf("JSON kind %q, want a string", v.kind)
	}
	return v.raw, err
}

// stringOrNull reads a member that is null in messages outside transactions.
func (w *Wal2JSON) stringOrNull() ([]byte, error) {
	v, err := w.unescaped()
	if err == nil && v.kind != '"' && v.kind != 'n' {
		err = fmt.Errorf("JSON kind %q, want a string", v.kind)
	}
	return v.raw, err
}

// number reads a number, or 0 for the null of messages outside transactions.
func (w *Wal2JSON) number() (uint64, error) {
	v, err := w.j.value()
	if err != nil || v.kind == 'n' {
		return 0, err
	}
	return strconv.ParseUint(string(v.raw), 10, 64)
}

// decodeTransaction reads a message of format 1:
// {"xid":…,"nextlsn":…,"timestamp":…,"change":[{"kind":"insert",…},…]}. The members that identify
// the transaction come before its changes.
func (w *Wal2JSON) decodeTransaction(f *Frame, handle Handler) error {
	var head wal2jsonRow
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		// The frame's position is that of the commit record.
		m := &w.m
		when, err := parseTimestamp(head.time)
		if err != nil {
			return err
		}
		*m = Message{Kind: Begin, LSN: f.Start, CommitLSN: f.Start, CommitTime: when, XID: uint32(head.xid)}
		w.open = true
		return handle(m)
	}
	err := w.j.object(func(name []byte) error {
		var err error
		switch string(name) {
		case "xid":
			head.xid, err = w.number()
		case "nextlsn":
			head.next, err = w.string()
		case "timestamp":
			head.time, err = w.string()
		case "change":
			err = w.j.array(func() error {
				r := &w.row
				r.reset()
				if err := w.object(r); err != nil {
					return err
				}
				if err := r.fromFormat1(); err != nil {
					return err
				}
				if r.action != 'M' || r.transactional {
					if err := begin(); err != nil {
						return err
					}
				}
				return w.emit(f.Start, r, handle)
			})
		default:
			err = w.j.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := w.j.end(); err != nil {
		return err
	}
	if !begun && head.xid == 0 {
		return nil // a message outside transactions
	}
	if err := begin(); err != nil {
		return err
	}
	return w.emit(f.Start, &wal2jsonRow{action: 'C', next: head.next}, handle)
}

// fromFormat1 turns the kind and the parallel arrays of format 1 into the form of format 2.
func (r *wal2jsonRow) fromFormat1() error {
	switch string(r.kind) {
	case "insert":
		r.action = 'I'
	case "update":
		r.action = 'U'
	case "delete":
		r.action = 'D'
	case "truncate":
		r.action = 'T'
	case "message":
		r.action = 'M'
	default:
		return fmt.Errorf("unknown kind %q", r.kind)
	}
	var err error
	if r.columns, err = zip(r.columns[:0], r.names, r.types, r.values); err != nil {
		return err
	}
	r.identity, err = zip(r.identity[:0], r.oldNames, r.oldTypes, r.oldValues)
	return err
}

func zip(into, names, types, values []wal2jsonValue) ([]wal2jsonValue, error) {
	if len(names) != len(values) {
		return into, fmt.Errorf("%d names for %d values", len(names), len(values))
	}
	for i := range names {
		v := wal2jsonValue{name: names[i].value.raw, value: values[i].value}
		if i < len(types) {
			v.typ = types[i].value.raw
		}
		into = append(into, v)
	}
	return into, nil
}

// parseTimestamp reads timestamptz output (2026-11-23 10:00:00.123456+00) as microseconds since the Unix epoch.
func parseTimestamp(b []byte) (int64, error) {
	t, err := time.Parse("2006-01-02 15:04:05.999999-07", string(b))
	if err != nil {
		if t, err = time.Parse("2006-01-02 15:04:05.999999-07:00", string(b)); err != nil {
			return 0, fmt.Errorf("timestamp %q: %w", b, err)
		}
	}
	return t.UnixMicro(), nil
}
