package pgrepl

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// PgoutputOptions are the options of pgoutput, the plugin built into servers.
type PgoutputOptions struct {
	Publication string
	// Protocol is 1, or 2 to 4 to receive large transactions while they run (PostgreSQL 14, 15, 16).
	Protocol int
	// Messages asks for logical messages (PostgreSQL 14 and later).
	Messages bool
	// Origin is "none" or "any" (PostgreSQL 16 and later); empty leaves it out.
	Origin string
	// Extra holds further options, as names and values.
	Extra [][2]string
	// Spool holds transactions in progress; it is required from Protocol 2 on.
	Spool *Spool
}

// Pgoutput decodes the built-in plugin's protocol (manual chapter "Logical Replication Message Formats").
type Pgoutput struct {
	options   PgoutputOptions
	relations Relations
	byOID     map[uint32]*pgmodel.Relation
	// last is the previous row's relation, which is nearly always the next row's too.
	lastOID uint32
	last    *pgmodel.Relation

	open bool
	// stream is the top transaction whose block of streamed messages is open; 0 outside blocks.
	stream uint32
	m      Message
	old    pgmodel.Tuple
	new    pgmodel.Tuple
	trunc  []*pgmodel.Relation
}

// NewPgoutput makes the decoder of one stream.
func NewPgoutput(o PgoutputOptions, relations Relations) *Pgoutput {
	return &Pgoutput{options: o, relations: relations, byOID: make(map[uint32]*pgmodel.Relation)}
}

// PluginArgs implements Decoder.
func (p *Pgoutput) PluginArgs() []string {
	args := []string{"proto_version " + QuoteLiteral(strconv.Itoa(max(1, p.options.Protocol))),
		"publication_names " + QuoteLiteral(QuoteIdent(p.options.Publication))}
	if p.options.Messages {
		args = append(args, "messages 'true'")
	}
	switch {
	case p.options.Protocol >= 4:
		args = append(args, "streaming 'parallel'")
	case p.options.Protocol >= 2:
		args = append(args, "streaming 'on'")
	}
	if p.options.Origin != "" {
		args = append(args, "origin "+QuoteLiteral(p.options.Origin))
	}
	for _, e := range p.options.Extra {
		args = append(args, QuoteIdent(e[0])+" "+QuoteLiteral(e[1]))
	}
	return args
}

// InTransaction implements Decoder.
func (p *Pgoutput) InTransaction() bool { return p.open }

// Decode implements Decoder.
func (p *Pgoutput) Decode(f *Frame, handle Handler) error {
	if len(f.Data) == 0 {
		return fmt.Errorf("decode pgoutput at %s: empty message", f.Start)
	}
	var err error
	if p.stream != 0 || p.options.Protocol >= 2 {
		err = p.decodeStreaming(f, handle)
	} else {
		err = p.message(f.Start, f.Data, handle)
	}
	if err != nil {
		return fmt.Errorf("decode pgoutput message %q at %s: %w", f.Data[0], f.Start, err)
	}
	return nil
}

// message decodes one message of a transaction that is delivered whole.
func (p *Pgoutput) message(at LSN, b []byte, handle Handler) error {
	m := &p.m
	r := wire{b: b[1:]}
	switch b[0] {
	case 'I':
		rel, err := p.relation(r.uint32())
		if err != nil {
			return err
		}
		if k := r.byte(); k != 'N' && !r.bad {
			return fmt.Errorf("tuple kind %q in an insert", k)
		}
		p.new = r.tuple(p.new[:0], rel, false)
		m.Kind, m.Relation, m.Old, m.New = Insert, rel, nil, p.new
	case 'U':
		rel, err := p.relation(r.uint32())
		if err != nil {
			return err
		}
		m.Old = nil
		k := r.byte()
		if k == 'K' || k == 'O' {
			p.old = r.tuple(p.old[:0], rel, k == 'K')
			m.Old = p.old
			k = r.byte()
		}
		if k != 'N' && !r.bad {
			return fmt.Errorf("tuple kind %q in an update", k)
		}
		p.new = r.tuple(p.new[:0], rel, false)
		m.Kind, m.Relation, m.New = Update, rel, p.new
	case 'D':
		rel, err := p.relation(r.uint32())
		if err != nil {
			return err
		}
		k := r.byte()
		if k != 'K' && k != 'O' && !r.bad {
			return fmt.Errorf("tuple kind %q in a delete", k)
		}
		p.old = r.tuple(p.old[:0], rel, k == 'K')
		m.Kind, m.Relation, m.Old, m.New = Delete, rel, p.old, nil
	case 'B':
		m.CommitLSN, m.CommitTime, m.XID = LSN(r.uint64()), int64(r.uint64())+postgresEpoch, r.uint32()
		m.Kind, m.EndLSN, m.Origin, m.OriginLSN = Begin, 0, "", 0
		p.open = true
	case 'C':
		r.byte()
		m.CommitLSN, m.EndLSN, m.CommitTime = LSN(r.uint64()), LSN(r.uint64()), int64(r.uint64())+postgresEpoch
		m.Kind = Commit
		p.open = false
	case 'R':
		return p.describe(&r)
	case 'Y':
		return nil // types are resolved by id, with the relation that uses them
	case 'O':
		m.OriginLSN, m.Origin = LSN(r.uint64()), r.string()
		return r.done()
	case 'T':
		n := int(r.uint32())
		r.byte()
		p.trunc = p.trunc[:0]
		for i := 0; i < n && !r.bad; i++ {
			rel, err := p.relation(r.uint32())
			if err != nil && !r.bad {
				return err
			}
			p.trunc = append(p.trunc, rel)
		}
		m.Kind, m.Truncated = Truncate, p.trunc
	case 'M':
		flags := r.byte()
		r.uint64() // the message's position in the log, which the frame has too
		m.Prefix = r.cstring()
		m.Content = r.bytes(int(r.uint32()))
		m.Kind, m.Transactional = Logical, flags&1 != 0
		if !m.Transactional {
			m.XID = 0
		}
	default:
		return fmt.Errorf("unknown message type")
	}
	if err := r.done(); err != nil {
		return err
	}
	m.LSN = at
	return handle(m)
}

// describe reads a Relation message: the shape of the rows that follow.
func (p *Pgoutput) describe(r *wire) error {
	s := RelationShape{OID: r.uint32(), Schema: r.string(), Name: r.string(), ReplicaIdentity: r.byte()}
	if s.Schema == "" {
		s.Schema = "pg_catalog" // the protocol's rule
	}
	n := int(r.uint16())
	s.Columns = make([]ColumnShape, 0, min(n, maxColumns))
	for i := 0; i < n && !r.bad; i++ {
		s.Columns = append(s.Columns, ColumnShape{InIdentity: r.byte()&1 != 0, Name: r.string(), TypeOID: r.uint32(),
			TypeMod: int32(r.uint32())})
	}
	if err := r.done(); err != nil {
		return err
	}
	rel, err := p.relations.Resolve(s)
	if err != nil {
		return fmt.Errorf("describe table %s.%s: %w", s.Schema, s.Name, err)
	}
	p.byOID[s.OID] = rel
	p.lastOID, p.last = s.OID, rel
	return nil
}

func (p *Pgoutput) relation(oid uint32) (*pgmodel.Relation, error) {
	if oid == p.lastOID && p.last != nil {
		return p.last, nil
	}
	rel, ok := p.byOID[oid]
	if !ok {
		return nil, fmt.Errorf("relation %d was not described before its first row", oid)
	}
	p.lastOID, p.last = oid, rel
	return rel, nil
}

// maxColumns is PostgreSQL's MaxTupleAttributeNumber.
const maxColumns = 1664

// wire reads one message. It never reads past the end: it sets bad and returns zero values instead.
type wire struct {
	b   []byte
	bad bool
}

func (r *wire) done() error {
	if r.bad {
		return fmt.Errorf("message is shorter than it claims")
	}
	if len(r.b) > 0 {
		return fmt.Errorf("%d bytes left over", len(r.b))
	}
	return nil
}

func (r *wire) byte() byte {
	if len(r.b) < 1 {
		r.bad = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *wire) uint16() uint16 {
	if len(r.b) < 2 {
		r.bad, r.b = true, nil
		return 0
	}
	v := binary.BigEndian.Uint16(r.b)
	r.b = r.b[2:]
	return v
}

func (r *wire) uint32() uint32 {
	if len(r.b) < 4 {
		r.bad, r.b = true, nil
		return 0
	}
	v := binary.BigEndian.Uint32(r.b)
	r.b = r.b[4:]
	return v
}

func (r *wire) uint64() uint64 {
	if len(r.b) < 8 {
		r.bad, r.b = true, nil
		return 0
	}
	v := binary.BigEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *wire) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *wire) cstring() []byte {
	i := bytes.IndexByte(r.b, 0)
	if i < 0 {
		r.bad, r.b = true, nil
		return nil
	}
	v := r.b[:i:i]
	r.b = r.b[i+1:]
	return v
}

func (r *wire) string() string { return string(r.cstring()) }

// tuple appends a row's columns to t. In a key tuple, columns outside the replica identity are sent
// as NULL and become Absent.
func (r *wire) tuple(t pgmodel.Tuple, rel *pgmodel.Relation, key bool) pgmodel.Tuple {
	if n := int(r.uint16()); n != len(rel.Columns) {
		r.bad = true
		return t
	}
	b := r.b
	for i := range rel.Columns {
		if len(b) < 1 {
			r.bad, r.b = true, nil
			return t
		}
		switch b[0] {
		case 't':
			if len(b) < 5 {
				r.bad, r.b = true, nil
				return t
			}
			n := int(binary.BigEndian.Uint32(b[1:]))
			if n > len(b)-5 {
				r.bad, r.b = true, nil
				return t
			}
			t = append(t, pgmodel.Datum{Kind: pgmodel.Text, Data: b[5 : 5+n : 5+n]})
			b = b[5+n:]
		case 'n':
			kind := pgmodel.Null
			if key && !rel.Columns[i].InIdentity {
				kind = pgmodel.Absent
			}
			t = append(t, pgmodel.Datum{Kind: kind})
			b = b[1:]
		case 'u':
			t = append(t, pgmodel.Datum{Kind: pgmodel.Unchanged})
			b = b[1:]
		default: // 'b', which is never requested, or not a tuple at all
			r.bad, r.b = true, nil
			return t
		}
	}
	r.b = b
	return t
}
