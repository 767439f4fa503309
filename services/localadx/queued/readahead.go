package queued

import (
	"fmt"
	"io"

	"github.com/calypso-cdc/calypso/services/localadx/ingest"
)

// Read-ahead keeps this many buffers of this size between the goroutine that decompresses and the one that ingests.
const (
	aheadBuffers = 4
	aheadSize    = 1 << 18
)

// aheadReader reads its source in a goroutine of its own. It is used by one goroutine; Close ends the other.
type aheadReader struct {
	full chan piece
	free chan []byte
	stop chan struct{}
	done chan struct{}
	rest []byte
	buf  []byte
	err  error
}

type piece struct {
	data []byte
	err  error
}

func readAhead(source io.ReadCloser) *aheadReader {
	a := &aheadReader{
		full: make(chan piece, aheadBuffers),
		free: make(chan []byte, aheadBuffers),
		stop: make(chan struct{}),
		done: make(chan struct{}),
	}
	for range aheadBuffers {
		a.free <- make([]byte, aheadSize)
	}
	go a.run(source)
	return a
}

func (a *aheadReader) run(source io.ReadCloser) {
	defer close(a.done)
	defer source.Close()
	defer func() {
		// A decompressor that a hostile source makes panic must not end the process.
		if cause := recover(); cause != nil {
			select {
			case <-a.stop:
			case a.full <- piece{nil, &ingest.Error{Code: ingest.CodeInvalidBlob,
				Message: fmt.Sprintf("The source cannot be decompressed: %v", cause)}}:
			}
		}
	}()
	for {
		var buf []byte
		select {
		case <-a.stop:
			return
		case buf = <-a.free:
		}
		n, err := fill(buf, source)
		select {
		case <-a.stop:
			return
		case a.full <- piece{buf[:n], err}:
		}
		if err != nil {
			return
		}
	}
}

// fill reads until the buffer is full or the source ends or fails. A decompressor whose source was
// cut off says so with io.ErrUnexpectedEOF, which is also what io.ReadFull makes of any end: the one
// is a failure, the other is not.
func fill(buf []byte, source io.Reader) (n int, err error) {
	for n < len(buf) && err == nil {
		var read int
		read, err = source.Read(buf[n:])
		n += read
	}
	return n, err
}

// Read implements io.Reader.
func (a *aheadReader) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.buf != nil {
			a.free <- a.buf[:aheadSize]
			a.buf = nil
		}
		if a.err != nil {
			return 0, a.err
		}
		next := <-a.full
		a.buf, a.rest, a.err = next.data, next.data, next.err
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// Close ends the reading and closes the source.
func (a *aheadReader) Close() error {
	close(a.stop)
	<-a.done
	return nil
}
