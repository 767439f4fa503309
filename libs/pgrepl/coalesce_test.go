package pgrepl

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

func TestReadsCoalesceOnlyWhileManySmallReadsFollowEachOtherClosely(t *testing.T) {
	var g coalescer
	now := time.Now()
	read := func(after time.Duration, n int) {
		now = now.Add(after)
		g.beforeRead(now)
		g.afterRead(n)
	}
	for range 10 * hastyReads {
		read(hastyGap+time.Microsecond, 100)
	}
	if g.hasty >= hastyReads {
		t.Error("reads coalesce although they come slowly")
	}
	for range 10 * hastyReads {
		read(time.Microsecond, coalesceBytes)
	}
	if g.hasty >= hastyReads {
		t.Error("reads coalesce although reads bring many")
	}
	for range hastyReads {
		read(time.Microsecond, 100)
	}
	if g.hasty < hastyReads {
		t.Error("reads do not coalesce although each comes by itself")
	}
	if read(time.Microsecond, 8*coalesceBytes); g.hasty < hastyReads || !g.plenty {
		t.Error("a read that brought plenty is followed by a pause, or ended the coalescing")
	}
	if read(time.Microsecond, sparseBytes-1); g.hasty != 0 {
		t.Error("reads coalesce although few came")
	}
}

func TestWhatComesTogetherOnASocketIsReadWholeAndTheLastByteIsNotWaitedFor(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	const rows, size = 20000, 100
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for i := range rows {
			if _, err := conn.Write(bytes.Repeat([]byte{byte(i)}, size)); err != nil {
				return
			}
		}
		// The connection stays open and silent until the reader has all: only bytes can end its waiting.
		io.ReadFull(conn, make([]byte, 1))
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	g := newCoalescer(conn)
	buf := make([]byte, 256<<10)
	for got := 0; got < rows*size; {
		g.beforeRead(time.Now())
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
		for i, b := range buf[:n] {
			if want := byte((got + i) / size); b != want {
				t.Fatalf("byte %d is %d, want %d", got+i, b, want)
			}
		}
		got += n
		g.afterRead(n)
	}
	if _, err := conn.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
}
