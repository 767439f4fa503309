package pgrepl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// frameReader gives pgproto3 the bytes of a connection message by message: it never returns more
// than the current protocol message, so that nothing is left in pgproto3's buffer when a Stream
// takes over the connection.
type frameReader struct {
	r    io.Reader
	head [5]byte
	// have counts the bytes of head that were read, given those that were returned, and rest the bytes
	// of the body that are still to come.
	have, given int
	rest        int
}

func (f *frameReader) Read(p []byte) (int, error) {
	if f.rest > 0 {
		n, err := f.r.Read(p[:min(len(p), f.rest)])
		f.rest -= n
		return n, err
	}
	for f.have < len(f.head) {
		n, err := f.r.Read(f.head[f.have:])
		f.have += n
		if err != nil {
			return 0, err
		}
	}
	n := copy(p, f.head[f.given:])
	f.given += n
	if f.given == len(f.head) {
		f.rest = int(binary.BigEndian.Uint32(f.head[1:])) - 4
		f.have, f.given = 0, 0
		if f.rest < 0 {
			return n, fmt.Errorf("protocol message %q with length %d", f.head[0], f.rest+4)
		}
	}
	return n, nil
}

// Frame is one message of the CopyBoth stream: WAL data or a keep-alive.
type Frame struct {
	// Data is the output plugin's message; nil for a keep-alive. It is valid until the next call of Next.
	Data []byte
	// Start is the WAL position of the message as the server states it; for a keep-alive it is 0.
	Start LSN
	// End is the end of WAL on the server when it sent the frame. A keep-alive means that all
	// transactions that committed before End have been sent.
	End LSN
	// SentAt is the server's clock in microseconds since the Unix epoch.
	SentAt int64
	// ReplyRequested is true if the server asks for a status now; the Stream already sends it.
	ReplyRequested bool
}

// Limits of the read buffer. A frame larger than the start size makes the buffer grow to that
// frame, up to PostgreSQL's own limit of 1 GB for one message; it shrinks when the large frame is
// consumed.
const (
	readBufferSize = 256 << 10
	maxFrameSize   = 1 << 30
	// claimedFrameSize is up to how many bytes of room are made for a frame before its bytes have
	// come.
	claimedFrameSize = 16 << 20
)

// postgresEpoch is 2000-01-01 in microseconds since the Unix epoch: timestamps of the protocol count from it.
const postgresEpoch = 946684800000000

// ErrStreamEnded is returned when the server ended the stream in an orderly way, as it does when it
// shuts down.
var ErrStreamEnded = errors.New("the server ended the replication stream")

// parseFrame reads one protocol message from the front of b. It returns its length, 0 if b does not
// hold all of it, and whether f was filled: messages without data for us do not fill it.
func parseFrame(b []byte, f *Frame) (size int, filled bool, err error) {
	if len(b) < 5 {
		return 0, false, nil
	}
	n := int(binary.BigEndian.Uint32(b[1:5]))
	if n < 4 || n > maxFrameSize || n > maxNotice && b[0] != 'd' {
		return 0, false, fmt.Errorf("protocol message %q with length %d", b[0], n)
	}
	size = n + 1
	if len(b) < size {
		return 0, false, nil
	}
	body := b[5:size]
	switch b[0] {
	case 'd':
		return size, true, parseCopyData(body, f)
	case 'E':
		var e pgproto3.ErrorResponse
		if err := e.Decode(body); err != nil {
			return size, false, fmt.Errorf("decode the server's error: %w", err)
		}
		return size, false, pgconn.ErrorResponseToPgError(&e)
	case 'c':
		return size, false, ErrStreamEnded
	case 'N', 'S', 'C', 'Z', 'A':
		return size, false, nil
	}
	return size, false, fmt.Errorf("unexpected protocol message %q in a replication stream", b[0])
}

func parseCopyData(b []byte, f *Frame) error {
	if len(b) == 0 {
		return errors.New("empty CopyData message")
	}
	switch b[0] {
	case 'w':
		if len(b) < 25 {
			return fmt.Errorf("XLogData message of %d bytes", len(b))
		}
		f.Start = LSN(binary.BigEndian.Uint64(b[1:]))
		f.End = LSN(binary.BigEndian.Uint64(b[9:]))
		f.SentAt = int64(binary.BigEndian.Uint64(b[17:])) + postgresEpoch
		f.ReplyRequested = false
		f.Data = b[25:]
	case 'k':
		if len(b) < 18 {
			return fmt.Errorf("keep-alive message of %d bytes", len(b))
		}
		f.Start = 0
		f.End = LSN(binary.BigEndian.Uint64(b[1:]))
		f.SentAt = int64(binary.BigEndian.Uint64(b[9:])) + postgresEpoch
		f.ReplyRequested = b[17] != 0
		f.Data = nil
	default:
		return fmt.Errorf("unexpected replication message %q", b[0])
	}
	return nil
}
