package pgrepl

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// decodeStreaming decodes protocol versions 2 to 4, where the server sends large transactions in
// blocks while they run. Messages in a block carry the id of their subtransaction after the type
// byte. They are spooled without it, so that at the commit they are decoded like those of any
// transaction.
func (p *Pgoutput) decodeStreaming(f *Frame, handle Handler) error {
	b := f.Data
	r := wire{b: b[1:]}
	switch b[0] {
	case 'S':
		xid := r.uint32()
		r.byte()
		if err := r.done(); err != nil {
			return err
		}
		if p.stream != 0 || xid == 0 {
			return fmt.Errorf("a block of transaction %d opens within that of %d", xid, p.stream)
		}
		p.stream = xid
		return nil
	case 'E':
		if p.stream == 0 {
			return errors.New("no block is open")
		}
		p.stream = 0
		return r.done()
	case 'A':
		xid, sub := r.uint32(), r.uint32()
		if p.options.Protocol >= 4 && len(r.b) > 0 { // position and time of the abort, with streaming 'parallel'
			r.uint64()
			r.uint64()
		}
		if err := r.done(); err != nil {
			return err
		}
		p.options.Spool.Abort(xid, sub)
		return nil
	case 'c':
		return p.commitStreamed(f, &r, handle)
	}
	if p.stream == 0 {
		return p.message(f.Start, b, handle)
	}
	switch b[0] {
	case 'O':
		return p.options.Spool.Add(p.stream, p.stream, f.Start, b)
	case 'M':
		// A message outside transactions can arrive in the middle of a block; it belongs to no transaction.
		sub := r.uint32()
		if len(r.b) > 0 && r.b[0]&1 == 0 {
			return p.outside(f.Start, b, handle)
		}
		return p.spool(sub, f)
	case 'R', 'Y', 'I', 'U', 'D', 'T':
		return p.spool(r.uint32(), f)
	}
	return errors.New("unknown message type in a block of a streamed transaction")
}

func (p *Pgoutput) spool(sub uint32, f *Frame) error {
	if len(f.Data) < 5 {
		return errors.New("message is shorter than it says")
	}
	// Move the type byte to the last byte of the id: that leaves the message without its id, in place.
	m := f.Data[4:]
	m[0] = f.Data[0]
	return p.options.Spool.Add(p.stream, sub, f.Start, m)
}

func (p *Pgoutput) outside(at LSN, b []byte, handle Handler) error {
	m := b[4:]
	m[0] = b[0]
	return p.message(at, m, handle)
}

func (p *Pgoutput) commitStreamed(f *Frame, r *wire, handle Handler) error {
	xid := r.uint32()
	r.byte()
	commit, end, at := r.uint64(), r.uint64(), r.uint64()
	if err := r.done(); err != nil {
		return err
	}
	var begin [1 + 8 + 8 + 4]byte
	begin[0] = 'B'
	binary.BigEndian.PutUint64(begin[1:], commit)
	binary.BigEndian.PutUint64(begin[9:], at)
	binary.BigEndian.PutUint32(begin[17:], xid)
	if err := p.message(f.Start, begin[:], handle); err != nil {
		return err
	}
	err := p.options.Spool.Replay(xid, func(lsn LSN, m []byte) error { return p.message(lsn, m, handle) })
	if err != nil {
		return fmt.Errorf("replay streamed transaction %d: %w", xid, err)
	}
	p.options.Spool.Drop(xid)
	var fin [1 + 1 + 8 + 8 + 8]byte
	fin[0] = 'C'
	binary.BigEndian.PutUint64(fin[2:], commit)
	binary.BigEndian.PutUint64(fin[10:], end)
	binary.BigEndian.PutUint64(fin[18:], at)
	return p.message(f.Start, fin[:], handle)
}
