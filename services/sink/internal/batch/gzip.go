package batch

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/flate"
)

// zipped is a gzip stream (RFC 1952) that is made piece by piece: each piece is compressed by
// itself and ends on a whole byte, so a compressor, which takes three quarters of a megabyte, is
// held only for a piece and not as long as its batch is open.
type zipped struct {
	bytes.Buffer
	size, sum uint32
}

// compressors are those not in use at present; there are never more than goroutines that compress
// at once.
var compressors = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // the level is valid
	return w
}}

// The header says deflate, no name, no time, fastest, unknown system.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0xff}

// Add compresses a piece.
func (z *zipped) Add(piece []byte) {
	if z.Len() == 0 {
		z.Write(gzipHeader)
	}
	w := compressors.Get().(*flate.Writer)
	w.Reset(&z.Buffer)
	_, _ = w.Write(piece) // a bytes.Buffer takes everything
	_ = w.Flush()
	w.Reset(nil) // it is not to hold the buffer
	compressors.Put(w)
	z.size += uint32(len(piece))
	z.sum = crc32.Update(z.sum, crc32.IEEETable, piece)
}

// end closes the stream.
func (z *zipped) end() {
	if z.Len() == 0 {
		z.Write(gzipHeader)
	}
	z.Write([]byte{3, 0}) // an empty last block
	z.Write(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, z.sum), z.size))
}
