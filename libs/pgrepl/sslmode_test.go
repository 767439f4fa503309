package pgrepl_test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// guarded is a server that takes TLS or not, and has a word for those who come with it and one for
// those who come without: a SQLSTATE and a message, or nothing, after which it closes the connection.
type guarded struct {
	certificate *tls.Certificate // nil: TLS is switched off
	with        string
	without     string
}

// The words of PostgreSQL 15.
const (
	wrongPassword = `28P01 password authentication failed for user "u"`
	noDatabase    = `3D000 database "d" does not exist`
	onlyWith      = `28000 no pg_hba.conf entry for host "127.0.0.1", user "u", database "d", no encryption`
	onlyWithout   = `28000 no pg_hba.conf entry for host "127.0.0.1", user "u", database "d", SSL encryption`
	tooMany       = `53300 sorry, too many clients already`
	starting      = `57P03 the database system is starting up`
	nothing       = ""
)

func (g guarded) run(t *testing.T) uint16 {
	t.Helper()
	return uint16(testenv.Peer(t, g.serve).Port)
}

func (g guarded) serve(conn net.Conn) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(conn, head); err != nil {
		return
	}
	word := g.without
	switch {
	case binary.BigEndian.Uint32(head[4:]) != 80877103: // no question for TLS, but the beginning itself
		_, _ = io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head))-8)
	case g.certificate == nil:
		_, _ = io.WriteString(conn, "N")
		return // the client closes the connection, and comes again
	default:
		_, _ = io.WriteString(conn, "S")
		conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*g.certificate}})
		word = g.with
		if _, err := pgproto3.NewBackend(conn, conn).ReceiveStartupMessage(); err != nil {
			return
		}
	}
	if code, message, ok := strings.Cut(word, " "); ok {
		backend := pgproto3.NewBackend(conn, conn)
		backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: message})
		_ = backend.Flush()
	}
}

func TestTheReasonOfARefusalIsWhatTheServerSaysInWhicheverModeOfTLS(t *testing.T) {
	certificate, key, _ := testenv.NewAuthority(t).Issue(t, t.TempDir(), "server", "localhost")
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	const (
		off         = "switched off"
		unreachable = pgrepl.ReasonUnreachable
		denied      = pgrepl.ReasonAuthentication
		failed      = pgrepl.ReasonTLS
	)
	type says struct {
		modes  string
		reason pgrepl.Reason
		text   string
	}
	for name, c := range map[string]struct {
		guarded
		says []says
	}{
		"without TLS, wrong password": {guarded{nil, nothing, wrongPassword}, []says{
			{"disable allow prefer", denied, "password authentication failed"}, {"require verify-ca verify-full", failed, off}}},
		"without TLS, no database": {guarded{nil, nothing, noDatabase}, []says{
			{"disable allow prefer", pgrepl.ReasonDatabaseMissing, "does not exist"}, {"require verify-ca verify-full", failed, off}}},
		"without TLS, no entry": {guarded{nil, nothing, onlyWith}, []says{
			{"disable allow prefer", denied, "pg_hba.conf"}, {"require verify-ca verify-full", failed, off}}},
		"without TLS, too many": {guarded{nil, nothing, tooMany}, []says{
			{"disable allow prefer", "", "too many clients"}, {"require verify-ca verify-full", failed, off}}},
		"without TLS, closed": {guarded{nil, nothing, nothing}, []says{
			{"disable allow prefer", unreachable, "without a word"}, {"require verify-ca verify-full", failed, off}}},
		"with TLS, wrong password": {guarded{&pair, wrongPassword, wrongPassword}, []says{
			{"disable allow prefer require", denied, "password authentication failed"}, {"verify-ca verify-full", failed, "sslrootcert"}}},
		"with TLS, starting": {guarded{&pair, starting, starting}, []says{
			{"disable allow prefer require", "", "starting up"}, {"verify-ca verify-full", failed, "sslrootcert"}}},
		"with TLS only, wrong password": {guarded{&pair, wrongPassword, onlyWith}, []says{
			{"disable", denied, "pg_hba.conf"}, {"allow prefer require", denied, "password authentication failed"}}},
		"without TLS only, wrong password": {guarded{&pair, onlyWithout, wrongPassword}, []says{
			{"disable allow prefer", denied, "password authentication failed"}, {"require", denied, "pg_hba.conf"}}},
		"with TLS only, no database": {guarded{&pair, noDatabase, onlyWith}, []says{
			{"disable", denied, "pg_hba.conf"}, {"allow prefer require", pgrepl.ReasonDatabaseMissing, "does not exist"}}},
		"TLS that is closed, wrong password without": {guarded{&pair, nothing, wrongPassword}, []says{
			{"disable allow prefer", denied, "password authentication failed"}, {"require", unreachable, "EOF"}}},
	} {
		port := c.run(t)
		for _, s := range c.says {
			for mode := range strings.FieldsSeq(s.modes) {
				t.Run(name+", sslmode="+mode, func(t *testing.T) {
					cfg := pgrepl.Config{Host: "localhost", Port: port, User: "u", Database: "d", SSLMode: mode}
					_, err := pgrepl.OpenSession(t.Context(), cfg)
					if err == nil || pgrepl.ReasonOf(err) != s.reason || !strings.Contains(err.Error(), s.text) ||
						strings.Contains(err.Error(), off) != (s.text == off) {
						t.Errorf("error %v, want %q and a word about %q", err, s.reason, s.text)
					}
				})
			}
		}
	}
}
