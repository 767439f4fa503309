package pgrepl

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestAUserOfASingleServerIsToldToLeaveOutTheServer(t *testing.T) {
	for _, c := range []struct {
		user, host string
		token      bool
		says       string
	}{
		{"me@shop", "shop.postgres.database.azure.com", false, "Set database.user=me:"},
		{"me@shop", "shop.postgres.database.usgovcloudapi.net:6432", false, "leave out @server"},
		{"me", "shop.postgres.database.azure.com", false, "database.password"},
		{"me@contoso.com", "shop.postgres.database.azure.com", false, "database.password"},
		{"me@shop", "shop.postgres.database.azure.com", true, "database.password"},
		{"me@shop", "db.example.com", false, "database.password"},
	} {
		config := Config{Host: c.host, User: c.user, Database: "d"}
		if c.token {
			config.Token = func(context.Context) (string, error) { return "", nil }
		}
		// The words of PostgreSQL 15 to a role that it does not know.
		err := connectError(config, new(dialled), &pgconn.PgError{Code: "28P01",
			Message: `password authentication failed for user "` + c.user + `"`, Routine: "auth_failed"})
		if ReasonOf(err) != ReasonAuthentication || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s at %s: %v, want a word about %s", c.user, c.host, err, c.says)
		}
	}
}

// The server has one code for a role that may not replicate and for a plugin that it does not
// allow, where another plugin goes on.
func TestAPluginThatIsRefusedIsToldFromARoleThatMayNotReplicate(t *testing.T) {
	for _, c := range []struct {
		refusal pgconn.PgError
		want    Reason
	}{
		{pgconn.PgError{Message: `library "wal2json" may not be used as an output plugin`,
			Routine: "StartupDecodingContext"}, ReasonPluginRefused},
		{pgconn.PgError{Message: "so sagt es ein Server in seiner Sprache", Routine: "StartupDecodingContext"},
			ReasonPluginRefused},
		{pgconn.PgError{Message: "permission denied to use replication slots", Routine: "CheckSlotPermissions"},
			ReasonReplication},
		{pgconn.PgError{Message: "must be superuser or replication role to use replication slots",
			Routine: "check_permissions"}, ReasonReplication},
	} {
		c.refusal.Code = "42501"
		err := slotError("create replication slot", "s", "wal2json", "me", &c.refusal)
		if ReasonOf(err) != c.want {
			t.Errorf("%s: %s, want %s", c.refusal.Message, ReasonOf(err), c.want)
		}
	}
}

// What stands before a provider's servers speaks the protocol and fails in its own way.
func TestWhatAProvidersProxyCannotReachIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		message string
		reason  Reason
		says    string
	}{
		{"Couldn't connect to compute node", ReasonUnreachable, "keeps trying"}, // Neon, while a compute starts
		{"Control plane request failed", ReasonUnreachable, "keeps trying"},
		// Supabase
		{"MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to pool_size",
			ReasonUnreachable, "keeps trying"},
		{"Tenant or user not found", ReasonAuthentication, "<role>.<project>"},
		{"(ENOTFOUND) tenant/user postgres.abc not found", ReasonAuthentication, "<role>.<project>"},
	} {
		at := testenv.Peer(t, func(conn net.Conn) {
			backend := pgproto3.NewBackend(conn, conn)
			if _, err := backend.ReceiveStartupMessage(); err == nil {
				backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "XX000", Message: c.message})
				_ = backend.Flush()
			}
		})
		_, err := OpenSession(t.Context(), Config{Host: "127.0.0.1", Port: uint16(at.Port), User: "u",
			Database: "d", SSLMode: "disable"})
		if ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says) ||
			Transient(err) != (c.reason == ReasonUnreachable) {
			t.Errorf("%s: %v", c.message, err)
		}
	}
}

func TestAnAddressThatThisMachineHasNoWayToIsSaidToBeSo(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENETUNREACH, syscall.EADDRNOTAVAIL} {
		err := connectError(Config{Host: "db.abc.supabase.co", User: "u", Database: "d"}, new(dialled),
			&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)})
		if ReasonOf(err) != ReasonUnreachable || !strings.Contains(err.Error(), "IPv6") || !Transient(err) {
			t.Errorf("%v: %v", errno, err)
		}
	}
}

func TestWhatAServerLacksForNowIsWaitedForUnlessItIsASetting(t *testing.T) {
	for code, want := range map[string]bool{"53100": true, "53200": true, "53300": true, "53400": false, "58030": true} {
		// As PostgreSQL 15's walsender says it where it cannot keep a large transaction on disk.
		if got := Transient(fmt.Errorf("stream: %w", &pgconn.PgError{Code: code,
			Message: "could not write to data file for XID 733: No space left on device"})); got != want {
			t.Errorf("%s: %t, want %t", code, got, want)
		}
	}
}

func TestAServerThatAsksForAnotherWayToLogInIsNotWaitedFor(t *testing.T) {
	for code, says := range map[uint32]string{7: "GSS", 9: "SSPI", 77: "unknown authentication type"} {
		at := testenv.Peer(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1<<12)) // the startup message
			_, _ = conn.Write(binary.BigEndian.AppendUint32([]byte{'R', 0, 0, 0, 8}, code))
			_, _ = io.Copy(io.Discard, conn)
		})
		_, err := Config{Host: "127.0.0.1", Port: uint16(at.Port), User: "u", Database: "d", SSLMode: "disable"}.Connect(t.Context())
		if ReasonOf(err) != ReasonAuthentication || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "pg_hba.conf") {
			t.Errorf("authentication %d: %v", code, err)
		}
	}
}
