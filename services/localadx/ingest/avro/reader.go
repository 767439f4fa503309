package avro

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

const (
	magic    = "Obj\x01"
	syncSize = 16
)

// Bounds on what is kept in memory of a file, in bytes.
const (
	maxHeader = 4 << 20
	// maxBlock is for compressions that cannot be read as a stream.
	maxBlock  = 64 << 20
	maxWindow = 64 << 20
)

// maxEmpty is how many records and elements without a byte are taken: nothing else bounds their
// number.
const maxEmpty = 1 << 20

// Options say how records are written.
type Options struct {
	// Limit is the largest record, and Total is all records together, in bytes of their JSON text. A
	// few bytes can claim many of these: names of fields, and elements that have no bytes.
	Limit int
	Total int64
	// Base64 writes bytes as base64, else they are taken as text.
	Base64 bool
}

// Reader reads one container file.
type Reader struct {
	in     *bufio.Reader
	schema *schema
	codec  string
	sync   [syncSize]byte
	// left is how many records the current block still has; rest is what of the block is unread, compressed.
	left  int64
	rest  *io.LimitedReader
	inner io.Closer // the decompressor
	// total is the length of the records read.
	total   int64
	options Options
	decoder decoder
}

// NewReader reads the header of a file.
func NewReader(in io.Reader, options Options) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, 1<<16), options: options,
		decoder: decoder{limit: options.Limit, base64: options.Base64}}
	start := make([]byte, len(magic))
	if _, err := io.ReadFull(r.in, start); err != nil || string(start) != magic {
		return nil, errors.New("it does not begin as one")
	}
	header := &decoder{in: r.in, limit: maxHeader}
	var schemaText []byte
	total := 0
	err := header.list(func() error {
		// The list writes a comma between elements; nothing else is written here.
		name, err := header.lengthAndBytes()
		if err != nil {
			return err
		}
		key := string(name)
		v, err := header.lengthAndBytes()
		if err != nil {
			return err
		}
		if total += len(key) + len(v) + 1; total > maxHeader {
			return fmt.Errorf("the header is larger than %d MB", maxHeader>>20)
		}
		switch key {
		case "avro.schema":
			schemaText = bytes.Clone(v)
		case "avro.codec":
			r.codec = string(v)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the header: %w", err)
	}
	if r.schema, err = parseSchema(schemaText); err != nil {
		return nil, fmt.Errorf("the schema: %w", err)
	}
	switch r.codec {
	case "", "null", "deflate", "snappy", "zstandard":
	default:
		return nil, fmt.Errorf("the compression %q is not one of null, deflate, snappy and zstandard", r.codec)
	}
	if _, err := io.ReadFull(r.in, r.sync[:]); err != nil {
		return nil, errors.New("the header ends early")
	}
	return r, nil
}

// Next returns the next record as JSON, which is valid until the next call; io.EOF after the last.
func (r *Reader) Next() ([]byte, error) {
	for r.left == 0 {
		if err := r.nextBlock(); err != nil {
			return nil, err
		}
	}
	r.left--
	r.decoder.text = r.decoder.text[:0]
	if err := r.decoder.counted(func() error { return r.decoder.value(r.schema, 0) }); err != nil {
		return nil, err
	}
	if r.total += int64(len(r.decoder.text)); r.total > r.options.Total {
		return nil, fmt.Errorf("the records of the file have more than %d MB", r.options.Total>>20)
	}
	return r.decoder.text, nil
}

// Close ends the reading; the source is the caller's.
func (r *Reader) Close() {
	if r.inner != nil {
		r.inner.Close()
		r.inner = nil
	}
}

// nextBlock ends a block and begins the next one.
func (r *Reader) nextBlock() error {
	if r.rest != nil {
		if err := r.endBlock(); err != nil {
			return err
		}
	}
	if _, err := r.in.Peek(1); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return err
	}
	head := &decoder{in: r.in}
	count, err := head.long()
	if err != nil {
		return err
	}
	size, err := head.long()
	if err != nil {
		return err
	}
	if count < 0 || size < 0 {
		return fmt.Errorf("a block has %d records in %d bytes", count, size)
	}
	r.left = count
	r.rest = &io.LimitedReader{R: r.in, N: size}
	return r.open()
}

func (r *Reader) endBlock() error {
	r.Close()
	if _, err := io.Copy(io.Discard, r.rest); err != nil {
		return err
	}
	var mark [syncSize]byte
	if _, err := io.ReadFull(r.in, mark[:]); err != nil || mark != r.sync {
		return errors.New("a block does not end with the file's mark")
	}
	r.rest = nil
	return nil
}

// open makes the decoder read the block's content.
func (r *Reader) open() error {
	var content io.Reader = r.rest
	switch r.codec {
	case "deflate":
		inflate := flate.NewReader(r.rest)
		content, r.inner = inflate, inflate
	case "zstandard":
		zstandard, err := zstd.NewReader(r.rest, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return fmt.Errorf("open a block of zstandard: %w", err)
		}
		content, r.inner = zstandard, zstandard.IOReadCloser()
	case "snappy":
		whole, err := unsnap(r.rest)
		if err != nil {
			return err
		}
		content = bytes.NewReader(whole)
	}
	if r.decoder.in == nil {
		r.decoder.in = bufio.NewReaderSize(content, 1<<16)
	} else {
		r.decoder.in.Reset(content)
	}
	return nil
}

// unsnap decompresses a block of snappy, which a checksum follows.
func unsnap(block *io.LimitedReader) ([]byte, error) {
	if block.N > maxBlock {
		return nil, fmt.Errorf("a block of snappy has %d bytes and may have %d MB", block.N, maxBlock>>20)
	}
	compressed, err := io.ReadAll(block)
	if err != nil {
		return nil, err
	}
	if len(compressed) < crc32.Size {
		return nil, errors.New("a block of snappy is too short")
	}
	body, sum := compressed[:len(compressed)-crc32.Size], compressed[len(compressed)-crc32.Size:]
	if n, err := snappy.DecodedLen(body); err != nil || n > maxBlock {
		return nil, fmt.Errorf("a block of snappy becomes %d bytes and may become %d MB", n, maxBlock>>20)
	}
	whole, err := snappy.Decode(nil, body)
	if err != nil {
		return nil, fmt.Errorf("a block of snappy: %w", err)
	}
	if crc32.ChecksumIEEE(whole) != binary.BigEndian.Uint32(sum) {
		return nil, errors.New("a block of snappy has another checksum than it says")
	}
	return whole, nil
}
