package pgrepl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
)

// Stream is a replication connection that streams. Next is called by one goroutine; Confirm,
// Interrupt and Close by any.
//
// A goroutine of the Stream writes the standby statuses and is the only writer of the socket, so
// the server's wal_sender_timeout never passes because the reader waits for Kafka.
type Stream struct {
	conn net.Conn
	r    io.Reader

	// buf[off:end] are bytes read and not yet consumed. Only the reader touches them.
	buf      []byte
	off, end int
	reads    coalescer

	// confirmed is the mark that statuses carry; it never falls.
	confirmed atomic.Uint64
	received  atomic.Uint64
	// bytes counts the bytes read from the socket.
	bytes atomic.Uint64
	// room is the size of buf.
	room atomic.Int64
	// waiting is since when the reader has waited for the socket, in nanoseconds since the Unix epoch;
	// 0 while it does not wait.
	waiting atomic.Int64
	// asked is since when a status that asks for a reply has been unanswered, in the same unit; 0 if
	// none is.
	asked atomic.Int64

	status  chan struct{} // tells the writer to send a status now; capacity 1
	done    chan struct{}
	once    sync.Once
	writer  contain.Waiting
	failure atomic.Pointer[error]
}

// StatusTimes say when a Stream writes statuses.
type StatusTimes struct {
	// Interval is the longest time between two statuses; it should be at most a third of wal_sender_timeout.
	Interval time.Duration
	// Confirm is the shortest time between the mark's move and the status that reports it.
	Confirm time.Duration
	// Silence is how long the server may send nothing, although each status asks for a reply, before
	// the connection counts as dead; 0 means for ever.
	Silence time.Duration
}

func newStream(conn net.Conn, r io.Reader, at LSN) *Stream {
	s := &Stream{conn: conn, r: r, reads: newCoalescer(conn), buf: make([]byte, readBufferSize),
		status: make(chan struct{}, 1), done: make(chan struct{})}
	s.confirmed.Store(uint64(at))
	s.received.Store(uint64(at))
	s.room.Store(readBufferSize)
	return s
}

// Run starts the status writer. It must be called once, before the first Next.
func (s *Stream) Run(t StatusTimes) {
	s.writer.Go("writer of statuses", func() { s.writeStatuses(t) }, s.fail)
}

// Buffered reports whether Next would return a frame without reading from the socket.
func (s *Stream) Buffered() bool {
	n := s.end - s.off
	if n < 5 {
		return false
	}
	return n > int(binary.BigEndian.Uint32(s.buf[s.off+1:]))
}

// Next reads the next frame into f. It blocks until there is one, and fails when the connection does or after Interrupt
// (os.ErrDeadlineExceeded) or Close (net.ErrClosed).
func (s *Stream) Next(f *Frame) error {
	for {
		size, filled, err := parseFrame(s.buf[s.off:s.end], f)
		if err != nil {
			return fmt.Errorf("read the replication stream: %w", err)
		}
		s.off += size
		if filled {
			if uint64(f.End) > s.received.Load() {
				s.received.Store(uint64(f.End))
			}
			if f.ReplyRequested {
				s.askStatus()
			}
			return nil
		}
		if size > 0 {
			continue
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
}

// fill reads more bytes after buf[off:end], and makes room for them first.
func (s *Stream) fill() error {
	if s.off == s.end {
		s.off, s.end = 0, 0
		if len(s.buf) > readBufferSize {
			s.buf = make([]byte, readBufferSize)
			s.room.Store(readBufferSize)
		}
	}
	if need := s.frameSize(); s.off+need > len(s.buf) {
		into := s.buf
		// Above claimedFrameSize the buffer grows with the bytes that have come, not to the size that
		// their header claims.
		if grown := min(need, max(2*len(into), claimedFrameSize)); grown > len(into) &&
			(need <= claimedFrameSize || 2*(s.end-s.off) > len(into)) {
			into = make([]byte, grown)
		}
		if s.off > 0 || len(into) > len(s.buf) {
			s.end = copy(into, s.buf[s.off:s.end])
			s.off, s.buf = 0, into
			s.room.Store(int64(len(into)))
		}
	}
	now := time.Now()
	s.waiting.Store(now.UnixNano())
	s.reads.beforeRead(now)
	n, err := s.r.Read(s.buf[s.end:])
	s.waiting.Store(0)
	if n > 0 {
		s.asked.Store(0)
	}
	s.reads.afterRead(n)
	s.end += n
	s.bytes.Add(uint64(max(n, 0)))
	if n > 0 {
		return nil
	}
	if err == nil {
		return nil
	}
	if p := s.failure.Load(); p != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		err = *p
	}
	return fmt.Errorf("read the replication stream: %w", err)
}

// frameSize returns the size of the frame at off, or of a header while that is incomplete.
func (s *Stream) frameSize() int {
	if s.end-s.off < 5 {
		return 5
	}
	return 1 + min(int(binary.BigEndian.Uint32(s.buf[s.off+1:])), maxFrameSize)
}

// Confirm lets the next status tell the server that everything below mark is durable. A mark below
// the last one has no effect.
func (s *Stream) Confirm(mark LSN) {
	for {
		old := s.confirmed.Load()
		if uint64(mark) <= old {
			return
		}
		if s.confirmed.CompareAndSwap(old, uint64(mark)) {
			s.askStatus()
			return
		}
	}
}

// Confirmed returns the mark that statuses carry.
func (s *Stream) Confirmed() LSN { return LSN(s.confirmed.Load()) }

// Received returns the end of WAL that the server last reported.
func (s *Stream) Received() LSN { return LSN(s.received.Load()) }

// Bytes returns how many bytes of the replication protocol have come.
func (s *Stream) Bytes() uint64 { return s.bytes.Load() }

// Holds returns the size of the Stream's buffer in bytes, which holds at least one whole row.
func (s *Stream) Holds() int64 { return s.room.Load() }

// Interrupt makes a waiting Next, or the next one, fail with os.ErrDeadlineExceeded. Statuses are
// still sent. Resume undoes it.
func (s *Stream) Interrupt() { s.conn.SetReadDeadline(time.Unix(1, 0)) }

// Resume lets Next wait again after Interrupt.
func (s *Stream) Resume() { s.conn.SetReadDeadline(time.Time{}) }

// Close sends a last status with the mark and closes the connection.
func (s *Stream) Close() {
	s.once.Do(func() {
		close(s.done)
		s.conn.SetWriteDeadline(time.Now().Add(time.Second))
		s.writer.Wait()
		s.conn.Close()
	})
}

func (s *Stream) askStatus() {
	select {
	case s.status <- struct{}{}:
	default:
	}
}

func (s *Stream) writeStatuses(t StatusTimes) {
	tick := time.NewTicker(t.Interval)
	defer tick.Stop()
	for reply := false; ; {
		select {
		case <-s.done:
			s.writeStatus(false)
			return
		case <-tick.C:
			if silent := s.silence(); t.Silence > 0 && silent > t.Silence {
				s.fail(fmt.Errorf("the server sent nothing for %s: %w", silent.Round(time.Second), os.ErrDeadlineExceeded))
				return
			}
			reply = true
		case <-s.status:
			reply = false
			if t.Confirm > 0 {
				select {
				case <-time.After(t.Confirm):
				case <-s.done:
				}
			}
		}
		if err := s.writeStatus(reply); err != nil {
			s.fail(err)
			return
		}
	}
}

// silence returns how long the reader has been waiting for the socket; while it waits for something
// else, silence proves nothing about the server.
func (s *Stream) silence() time.Duration {
	since := s.waiting.Load()
	if since == 0 {
		return 0
	}
	return time.Since(time.Unix(0, since))
}

// Unanswered returns how long the server has left a status that asks for a reply unanswered; 0 if
// there is no such status, or while the reader does not read. A server answers at once, unless it
// is decoding a large transaction.
func (s *Stream) Unanswered() time.Duration {
	asked := s.asked.Load()
	if asked == 0 {
		return 0
	}
	return min(time.Since(time.Unix(0, asked)), s.silence())
}

func (s *Stream) fail(err error) {
	s.failure.CompareAndSwap(nil, &err)
	s.conn.Close()
}

// writeStatus writes a standby status update, with the mark as the position written, flushed and
// applied. All three are always set, since the server reads a 0 differently for each.
func (s *Stream) writeStatus(reply bool) error {
	var m [5 + 34]byte
	m[0] = 'd'
	binary.BigEndian.PutUint32(m[1:], uint32(len(m)-1))
	b := m[5:]
	mark := s.confirmed.Load()
	b[0] = 'r'
	binary.BigEndian.PutUint64(b[1:], mark)
	binary.BigEndian.PutUint64(b[9:], mark)
	binary.BigEndian.PutUint64(b[17:], mark)
	binary.BigEndian.PutUint64(b[25:], uint64(time.Now().UnixMicro()-postgresEpoch))
	if reply {
		b[33] = 1
		s.asked.CompareAndSwap(0, time.Now().UnixNano())
	}
	if _, err := s.conn.Write(m[:]); err != nil {
		return fmt.Errorf("write a standby status: %w", err)
	}
	return nil
}
