package pgrepl

import (
	"encoding/binary"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// message builds a pgoutput message.
type message []byte

func (m message) u8(v byte) message    { return append(m, v) }
func (m message) u16(v uint16) message { return binary.BigEndian.AppendUint16(m, v) }
func (m message) u32(v uint32) message { return binary.BigEndian.AppendUint32(m, v) }
func (m message) u64(v uint64) message { return binary.BigEndian.AppendUint64(m, v) }
func (m message) str(s string) message { return append(append(m, s...), 0) }

// tuple appends columns: nil is NULL, "\x00u" an unchanged value, all else text.
func (m message) tuple(values ...any) message {
	m = m.u16(uint16(len(values)))
	for _, v := range values {
		switch v {
		case nil:
			m = m.u8('n')
		case unchanged:
			m = m.u8('u')
		default:
			s := v.(string)
			m = append(m.u8('t').u32(uint32(len(s))), s...)
		}
	}
	return m
}

const unchanged = "\x00u"

func beginMessage(commit uint64, xid uint32) message { return message("B").u64(commit).u64(0).u32(xid) }

func commitMessage(commit, end uint64) message {
	return message("C").u8(0).u64(commit).u64(end).u64(0)
}

// relationMessage describes public.t with text columns; the first is the identity.
func relationMessage(oid uint32, columns ...string) message {
	m := message("R").u32(oid).str("public").str("t").u8('d').u16(uint16(len(columns)))
	for i, c := range columns {
		flags := byte(0)
		if i == 0 {
			flags = 1
		}
		m = m.u8(flags).str(c).u32(25).u32(0xffffffff)
	}
	return m
}

func insertMessage(oid uint32, values ...any) message {
	return message("I").u32(oid).u8('N').tuple(values...)
}

// plainRelations resolves shapes without a catalog.
type plainRelations struct{ known map[string]*pgmodel.Relation }

func (plainRelations) Resolve(s RelationShape) (*pgmodel.Relation, error) {
	r := &pgmodel.Relation{OID: s.OID, Schema: s.Schema, Name: s.Name, ReplicaIdentity: s.ReplicaIdentity}
	for _, c := range s.Columns {
		r.Columns = append(r.Columns, pgmodel.Column{Name: c.Name, TypeMod: c.TypeMod, InIdentity: c.InIdentity,
			Type: &pgmodel.Type{OID: c.TypeOID, Kind: pgmodel.BaseType}})
	}
	return r, nil
}

func (p plainRelations) Known(schema, name string) *pgmodel.Relation { return p.known[schema+"."+name] }

func (p plainRelations) Named(schema, name string) (*pgmodel.Relation, error) {
	return p.Known(schema, name), nil
}
