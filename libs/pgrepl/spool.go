package pgrepl

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Spool keeps the messages of transactions that the server streams while they run, until they
// commit or roll back. It holds up to a limit of bytes in memory; beyond that, the transaction that
// has the most in memory is moved to a file.
//
// Only the stream's reader may use it.
type Spool struct {
	// dir is where files are created; they are unlinked at once if the system allows it, otherwise
	// at the transaction's end.
	dir string
	// limit is how many bytes of all transactions are kept in memory; one message may exceed it.
	limit  int
	inMem  int
	onDisk int64
	// free is the largest buffer that was released, for the next transaction that needs one: a large
	// transaction fills and spills the same memory repeatedly.
	free []byte
	txs  map[uint32]*spooled
}

// spooled is one transaction in progress: records of {subtransaction, LSN, length, message}, first those in file, then
// those in mem.
type spooled struct {
	mem     []byte
	file    *os.File
	written int64
	// aborted holds the ids of rolled-back savepoints.
	aborted map[uint32]bool
}

const spoolHeader = 4 + 8 + 4

// NewSpool makes a spool that keeps at most limit bytes in memory and the rest in files under dir ("" for the
// system's temporary directory).
func NewSpool(dir string, limit int) *Spool {
	return &Spool{dir: dir, limit: limit, txs: make(map[uint32]*spooled)}
}

// Bytes returns how many bytes the spool holds in memory and in files.
func (s *Spool) Bytes() (memory int, disk int64) { return s.inMem, s.onDisk }

// Open returns how many transactions the spool holds.
func (s *Spool) Open() int { return len(s.txs) }

// Add keeps one message of transaction xid, with the subtransaction sub that it belongs to.
func (s *Spool) Add(xid, sub uint32, at LSN, message []byte) error {
	t := s.txs[xid]
	if t == nil {
		t = &spooled{}
		s.txs[xid] = t
	}
	if t.mem == nil {
		t.mem, s.free = s.free, nil
	}
	t.mem = binary.BigEndian.AppendUint32(t.mem, sub)
	t.mem = binary.BigEndian.AppendUint64(t.mem, uint64(at))
	t.mem = binary.BigEndian.AppendUint32(t.mem, uint32(len(message)))
	t.mem = append(t.mem, message...)
	s.inMem += spoolHeader + len(message)
	for s.inMem > s.limit {
		if err := s.spill(); err != nil {
			return err
		}
	}
	return nil
}

// spill moves the transaction that has the most in memory to its file; of equals the one with the
// lower id, so that what is on disk depends only on the messages.
func (s *Spool) spill() error {
	var largest *spooled
	var id uint32
	for xid, t := range s.txs {
		if largest == nil || len(t.mem) > len(largest.mem) || len(t.mem) == len(largest.mem) && xid < id {
			largest, id = t, xid
		}
	}
	if largest.file == nil {
		f, err := os.CreateTemp(s.dir, "calypso-spool-*")
		if err != nil {
			return fmt.Errorf("spill transaction %d: %w", id, err)
		}
		// An open file outlives its name, and so a killed process leaves nothing behind.
		os.Remove(f.Name())
		largest.file = f
	}
	if _, err := largest.file.Write(largest.mem); err != nil {
		return fmt.Errorf("spill %d bytes of transaction %d to %s: %w", len(largest.mem), id, largest.file.Name(), err)
	}
	largest.written += int64(len(largest.mem))
	s.onDisk += int64(len(largest.mem))
	s.inMem -= len(largest.mem)
	s.release(largest)
	return nil
}

// release takes back a transaction's buffer.
func (s *Spool) release(t *spooled) {
	if cap(t.mem) > cap(s.free) {
		s.free = t.mem[:0]
	}
	t.mem = nil
}

// Abort drops the messages of a rolled-back savepoint, or the whole transaction if sub is the
// transaction itself.
func (s *Spool) Abort(xid, sub uint32) {
	if xid == sub {
		s.Drop(xid)
		return
	}
	t := s.txs[xid]
	if t == nil {
		return
	}
	if t.aborted == nil {
		t.aborted = make(map[uint32]bool)
	}
	t.aborted[sub] = true
}

// Replay calls each for every message of a transaction, in order. It leaves out messages of
// rolled-back savepoints, except those that describe tables: the server describes a table once in a
// transaction, even if that savepoint is rolled back.
func (s *Spool) Replay(xid uint32, each func(at LSN, message []byte) error) error {
	t := s.txs[xid]
	if t == nil {
		return nil
	}
	if t.file != nil {
		if _, err := t.file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read spilled transaction %d: %w", xid, err)
		}
		r := bufio.NewReaderSize(t.file, 256<<10)
		var head [spoolHeader]byte
		var body []byte
		for left := t.written; left > 0; {
			if _, err := io.ReadFull(r, head[:]); err != nil {
				return fmt.Errorf("read spilled transaction %d: %w", xid, err)
			}
			n := int(binary.BigEndian.Uint32(head[12:]))
			if n > cap(body) {
				body = make([]byte, n)
			}
			body = body[:n]
			if _, err := io.ReadFull(r, body); err != nil {
				return fmt.Errorf("read spilled transaction %d: %w", xid, err)
			}
			left -= int64(spoolHeader + n)
			if err := t.replay(head[:], body, each); err != nil {
				return err
			}
		}
	}
	for b := t.mem; len(b) > 0; {
		if len(b) < spoolHeader {
			return errors.New("a spooled transaction is damaged")
		}
		n := int(binary.BigEndian.Uint32(b[12:]))
		if err := t.replay(b[:spoolHeader], b[spoolHeader:spoolHeader+n], each); err != nil {
			return err
		}
		b = b[spoolHeader+n:]
	}
	return nil
}

func (t *spooled) replay(head, message []byte, each func(LSN, []byte) error) error {
	sub := binary.BigEndian.Uint32(head)
	if t.aborted[sub] && message[0] != 'R' && message[0] != 'Y' {
		return nil
	}
	return each(LSN(binary.BigEndian.Uint64(head[4:])), message)
}

// Drop forgets a transaction.
func (s *Spool) Drop(xid uint32) {
	t := s.txs[xid]
	if t == nil {
		return
	}
	s.inMem -= len(t.mem)
	s.onDisk -= t.written
	s.release(t)
	if t.file != nil {
		t.file.Close()
	}
	delete(s.txs, xid)
}

// Close forgets all transactions and closes their files.
func (s *Spool) Close() {
	for xid := range s.txs {
		s.Drop(xid)
	}
}
