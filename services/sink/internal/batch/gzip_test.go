package batch

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"testing"
)

func TestPiecesThatAreCompressedByThemselvesAreOneGzipStream(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, pieces := range [][]int{{}, {1}, {Chunk}, {5, Chunk + 7, 1, 3 * Chunk}} {
		var z zipped
		var want bytes.Buffer
		for _, n := range pieces {
			piece := make([]byte, n)
			for i := range piece {
				piece[i] = byte('a' + random.IntN(4))
			}
			want.Write(piece)
			z.Add(piece)
		}
		z.end()
		r, err := gzip.NewReader(&z.Buffer)
		if err != nil {
			t.Fatal(err)
		}
		r.Multistream(false) // a reader that takes one stream has all of it
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%v: %d bytes of %d, %v", pieces, len(got), want.Len(), err)
		}
	}
}
