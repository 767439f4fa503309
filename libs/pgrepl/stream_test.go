package pgrepl

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// keepAlive is a keep-alive message as it comes over the wire.
func keepAlive(end uint64, reply bool) []byte {
	body := message("k").u64(end).u64(0).u8(0)
	if reply {
		body[17] = 1
	}
	return append(message("d").u32(uint32(4+len(body))), body...)
}

func xlogData(start, end uint64, data []byte) []byte {
	body := append(message("w").u64(start).u64(end).u64(0), data...)
	return append(message("d").u32(uint32(4+len(body))), body...)
}

func pipe(t *testing.T, times StatusTimes) (*Stream, net.Conn) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	server, client := net.Pipe()
	s := newStream(client, client, 100)
	t.Cleanup(func() { server.Close(); s.Close() })
	s.Run(times)
	return s, server
}

// status reads one standby status.
func status(t *testing.T, c net.Conn) (write, flush, apply uint64) {
	t.Helper()
	var m [39]byte
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(m); {
		k, err := c.Read(m[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += k
	}
	return binary.BigEndian.Uint64(m[6:]), binary.BigEndian.Uint64(m[14:]), binary.BigEndian.Uint64(m[22:])
}

func TestAStatusAlwaysSetsAllThreePositionsToTheMark(t *testing.T) {
	s, server := pipe(t, StatusTimes{Interval: time.Hour})
	s.Confirm(250)
	if w, f, a := status(t, server); w != 250 || f != 250 || a != 250 {
		t.Errorf("positions %d, %d, %d, want 250 each", w, f, a)
	}
	s.Confirm(200) // a lower mark changes nothing
	if s.Confirmed() != 250 {
		t.Errorf("mark fell to %s", s.Confirmed())
	}
}

func TestStatusesFlowWhileNobodyReadsTheStream(t *testing.T) {
	_, server := pipe(t, StatusTimes{Interval: 10 * time.Millisecond})
	for range 3 {
		status(t, server)
	}
}

func TestWhatAHeaderClaimsIsNotAllocatedBeforeItComes(t *testing.T) {
	s, server := pipe(t, StatusTimes{Interval: time.Hour})
	ended := make(chan error, 1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() { ended <- s.Next(new(Frame)) }()
	for _, part := range [][]byte{message("d").u32(maxFrameSize), {'w'}} {
		// what comes second is read into the room made for the first
		if _, err := server.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 2*claimedFrameSize {
		t.Errorf("a header took %d bytes", took)
	}
	server.Close()
	if err := <-ended; err == nil {
		t.Error("half a frame was read")
	}
}

func TestAFrameLargerThanTheRoomThatIsMadeForClaimsComesWhole(t *testing.T) {
	s, server := pipe(t, StatusTimes{Interval: time.Hour})
	const size = 3*claimedFrameSize + 12345
	sent := make(chan error, 1)
	go func() {
		_, err := server.Write(append(xlogData(1, 2, bytes.Repeat([]byte("0123456789abcdef"), size/16)),
			xlogData(3, 4, []byte("next"))...))
		sent <- err
	}()
	var f Frame
	if err := s.Next(&f); err != nil || len(f.Data) != size/16*16 ||
		!bytes.HasSuffix(f.Data, []byte("abcdef")) || f.End != 2 {
		t.Errorf("%d bytes up to %s: %v", len(f.Data), f.End, err)
	}
	if held := s.Holds(); held < size {
		t.Errorf("it holds %d bytes of %d, by its own count", held, size)
	}
	if err := s.Next(&f); err != nil || string(f.Data) != "next" {
		t.Errorf("%.20q: %v", f.Data, err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestOnlyDataMayBeLarge(t *testing.T) {
	for _, kind := range []string{"E", "N", "S", "C", "Z", "A", "c"} {
		if _, _, err := parseFrame(message(kind).u32(maxNotice+1), new(Frame)); err == nil {
			t.Errorf("a message of type %s may have %d bytes", kind, maxNotice+1)
		}
	}
	if _, _, err := parseFrame(message("d").u32(maxNotice+1), new(Frame)); err != nil {
		t.Error(err)
	}
}

func TestFramesComeWholeHoweverTheirBytesArrive(t *testing.T) {
	s, server := pipe(t, StatusTimes{Interval: time.Hour})
	big := make([]byte, 3*readBufferSize)
	for i := range big {
		big[i] = byte(i)
	}
	wire := append(append(xlogData(1, 2, []byte("abc")), xlogData(3, 4, big)...), keepAlive(9, false)...)
	go func() {
		for i, b := range wire {
			if i < 50 { // the first bytes one at a time
				server.Write([]byte{b})
				continue
			}
			server.Write(wire[i:])
			return
		}
	}()
	var f Frame
	if err := s.Next(&f); err != nil || string(f.Data) != "abc" || f.Start != 1 {
		t.Fatalf("frame %q at %s, %v", f.Data, f.Start, err)
	}
	if err := s.Next(&f); err != nil || len(f.Data) != len(big) || f.Data[len(big)-1] != big[len(big)-1] {
		t.Fatalf("large frame of %d bytes, %v", len(f.Data), err)
	}
	if err := s.Next(&f); err != nil || f.Data != nil || f.End != 9 {
		t.Fatalf("keep-alive to %s, %v", f.End, err)
	}
}

func TestASilentServerIsNoticed(t *testing.T) {
	s, server := pipe(t, StatusTimes{Interval: 5 * time.Millisecond, Silence: 50 * time.Millisecond})
	go func() {
		b := make([]byte, 1024)
		for {
			if _, err := server.Read(b); err != nil {
				return
			}
		}
	}()
	var f Frame
	if err := s.Next(&f); !Transient(err) {
		t.Errorf("error %v, want one that waiting can fix", err)
	}
}

func TestInterruptWakesTheReader(t *testing.T) {
	s, _ := pipe(t, StatusTimes{Interval: time.Hour})
	time.AfterFunc(10*time.Millisecond, s.Interrupt)
	var f Frame
	if err := s.Next(&f); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v, want a deadline's", err)
	}
}

func TestAPositionSurvivesItsJSON(t *testing.T) {
	p := Position{SystemID: "7", Timeline: 2, Commit: 1 << 60, Ordinal: 9}
	b, err := p.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var q Position
	if err := q.UnmarshalJSON(b); err != nil || q != p {
		t.Errorf("%s read as %+v, %v", b, q, err)
	}
	if err := q.UnmarshalJSON(
		[]byte(`{"lsn_proc":34220200,"messageType":"INSERT","lsn_commit":34219880,"lsn":34220200,"txId":653}`)); err != nil ||
		q.Commit != 34219880 {
		t.Errorf("Debezium's offset read as %+v, %v", q, err)
	}
}

func TestACopyRowIsSplitAndUnescaped(t *testing.T) {
	row, err := SplitCopyRow(nil, []byte("1\t\\N\ta\\tb\\\\\\n\t\n"))
	if err != nil || len(row) != 4 {
		t.Fatalf("%v, %v", row, err)
	}
	if string(row[0].Data) != "1" || row[1].Kind != 'n' || string(row[2].Data) != "a\tb\\\n" || row[3].Kind != 't' ||
		len(row[3].Data) != 0 {
		t.Errorf("row %q", row)
	}
}
