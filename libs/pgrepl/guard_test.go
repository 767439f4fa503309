package pgrepl_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// wire is a message of PostgreSQL's protocol.
func wire(kind byte, body string) string {
	return string(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4))) + body
}

// asked, in place of a message, waits for the next message of the client.
const asked = "asked"

// hostile runs a server that sends what say yields to whoever connects, for as long as it is read.
func hostile(t *testing.T, say func(send func(string) bool)) pgrepl.Config {
	t.Helper()
	at := testenv.Peer(t, func(c net.Conn) {
		// What the client says first, its start, has come before the server says anything,
		// and a query before what says "asked".
		said := make([]byte, 1<<12)
		_, _ = c.Read(said)
		say(func(s string) bool {
			if s == asked {
				_, err := c.Read(said)
				return err == nil
			}
			_, err := io.WriteString(c, s)
			return err == nil
		})
	})
	return pgrepl.Config{Host: "127.0.0.1", Port: uint16(at.Port), User: "u", Database: "d",
		SSLMode: "disable"}
}

func TestAServerThatSendsWithoutBoundsIsLeft(t *testing.T) {
	welcome := wire('R', "\x00\x00\x00\x00")
	value := strings.Repeat("v", 1<<14)
	endless := func(send func(string) bool) {
		for i := 0; send(wire('S', fmt.Sprintf("p%d\x00%s\x00", i, value))); i++ {
		}
	}
	huge := func(kind byte) func(func(string) bool) {
		return func(send func(string) bool) {
			for ok := send(welcome + string([]byte{kind, 0x3f, 0xff, 0xff, 0xf0})); ok; {
				ok = send(strings.Repeat("v", 1<<16))
			}
		}
	}
	for name, say := range map[string]func(func(string) bool){
		"parameters":          func(send func(string) bool) { send(welcome); endless(send) },
		"before the greeting": endless,
		"questions": func(send func(string) bool) {
			for send(strings.Repeat(wire('R', "\x00\x00\x00\x05salt"), 1000)) {
			}
		},
		"notices before the greeting": func(send func(string) bool) {
			for send(wire('N', "SNOTICE\x00M"+value+"\x00\x00")) {
			}
		},
		"one parameter":      huge('S'),
		"one notice":         huge('N'),
		"one error":          huge('E'),
		"an unknown message": huge('?'),
		"rows, later on": func(send func(string) bool) {
			row := wire('D', "\x00\x01\x00\x00\x40\x00"+value)
			description := wire('T', "\x00\x01a\x00"+strings.Repeat("\x00", 6)+"\x00\x00\x00\x19"+strings.Repeat("\x00", 8))
			send(welcome + wire('Z', "I"))
			send(asked)
			send(wire('C', "SELECT 0\x00") + wire('Z', "I"))
			send(asked)
			send(description + wire('D', "\x00\x01\x00\x00\x00\x06public") + wire('C', "SHOW\x00") + wire('Z', "I"))
			send(asked)
			for ok := send(description); ok; {
				ok = send(row)
			}
		},
		"rows": func(send func(string) bool) {
			row := wire('D', "\x00\x01\x00\x00\x40\x00"+value)
			send(welcome + wire('Z', "I"))
			send(asked)
			for ok := send(wire('T', "\x00\x01a\x00"+strings.Repeat("\x00", 6)+"\x00\x00\x00\x19"+strings.Repeat("\x00", 8))); ok; {
				ok = send(row)
			}
		},
		"one row": func(send func(string) bool) {
			send(welcome + wire('Z', "I"))
			send(asked)
			huge('D')(send)
		},
		"results": func(send func(string) bool) {
			send(welcome + wire('Z', "I"))
			send(asked)
			for send(strings.Repeat(wire('C', "SELECT 0\x00"), 1000)) {
			}
		},
		"parameters, later on": func(send func(string) bool) { send(welcome + wire('Z', "I")); send(asked); endless(send) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := hostile(t, say)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			conn, err := cfg.Connect(t.Context())
			if err == nil {
				_, err = conn.Exec(t.Context(), "SELECT 1")
				conn.Close(t.Context())
			}
			runtime.ReadMemStats(&after)
			// The driver may find a connection that was ended while it sent a query closed, and not say why.
			left := func(err error) bool {
				return err != nil && (strings.Contains(err.Error(), "the limit is") || strings.Contains(err.Error(), "conn closed"))
			}
			if !left(err) {
				t.Errorf("error %v, want one that names the limit", err)
			}
			if reason := pgrepl.ReasonOf(err); reason != pgrepl.ReasonAnswer && !strings.Contains(err.Error(), "conn closed") {
				t.Errorf("the reason of %v is %q", err, reason)
			}
			if got := after.HeapSys - before.HeapSys; after.HeapSys > before.HeapSys && got > 256<<20 {
				t.Errorf("the heap grew by %d bytes", got)
			}
			if session, err := pgrepl.OpenSession(t.Context(), cfg); err == nil {
				defer session.Close(t.Context())
				if _, err := session.Identify(t.Context()); !left(err) {
					t.Errorf("error %v of the replication connection, want one that names the limit", err)
				}
			} else if !left(err) {
				t.Errorf("error %v of the replication connection, want one that names the limit", err)
			}
		})
	}
}
