package capture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/calypso-cdc/calypso/libs/entra"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// withTLS starts a cluster with TLS. Its certificate is for localhost, not for 127.0.0.1. Role tls
// may connect with TLS only, plain without only, and cert only with a client's certificate; their
// password is their name.
func withTLS(t *testing.T, ca *testenv.Authority) *source {
	t.Helper()
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{})
	cert, key, caFile := ca.Issue(t, t.TempDir(), "server", "localhost")
	owner, err := os.Stat(filepath.Join(pg.Dir, "PG_VERSION"))
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{"server.crt": cert, "server.key": key, "ca.pem": caFile} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(pg.Dir, name)
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
		chownAs(t, to, owner)
	}
	const hba = "local all all trust\nhostnossl all tls all reject\nhostssl all plain all reject\nhostssl all cert all cert\nhost all cert all reject\nhost all all all scram-sha-256\n"
	if err := os.WriteFile(filepath.Join(pg.Dir, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"tls", "plain", "cert"} {
		if err := pg.Exec(t.Context(), "postgres", fmt.Sprintf("CREATE ROLE %s SUPERUSER REPLICATION LOGIN PASSWORD '%[1]s'",
			role)); err != nil {
			t.Fatal(err)
		}
	}
	for _, sql := range []string{"ALTER SYSTEM SET ssl_ca_file = 'ca.pem'", "ALTER SYSTEM SET ssl = on",
		"SELECT pg_reload_conf()", "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)"} {
		if err := pg.Exec(t.Context(), "postgres", sql); err != nil {
			t.Fatal(err)
		}
	}
	s := &source{Postgres: pg, db: "postgres"}
	eventually(t, "the server speaks TLS", func() error {
		c, err := s.tlsConfig(map[string]string{"database.user": "tls", "database.password": "tls",
			"database.sslmode": "require"}).Connect(t.Context())
		if err == nil {
			err = c.Close(t.Context())
		}
		return err
	})
	return s
}

// tlsConfig is what a connector's keys make of a connection.
func (s *source) tlsConfig(set map[string]string) pgrepl.Config {
	config := s.config("c", map[string]string{"database.hostname": "localhost"})
	maps.Copy(config, set)
	plugins, err := Plugins(Options{})
	if err != nil {
		panic(err)
	}
	v, _, _ := plugins[0].Catalogue.Parse(config)
	parsed, err := spec.Parse(v)
	if err != nil {
		panic(err)
	}
	return parsed.Connection
}

func TestEachModeOfTLSConnectsOrSaysWhyNot(t *testing.T) {
	ca, other := testenv.NewAuthority(t), testenv.NewAuthority(t)
	s := withTLS(t, ca)
	cert, key, caFile := ca.Issue(t, t.TempDir(), "cert")
	strange, strangeKey, otherFile := other.Issue(t, t.TempDir(), "cert")
	for _, c := range []struct {
		name, user, mode, host, ca, cert, key string
		encrypted                             bool
		reason                                pgrepl.Reason
		says                                  string
	}{
		{name: "disable", user: "postgres", mode: "disable"},
		{name: "disable where TLS is demanded", user: "tls", mode: "disable", reason: pgrepl.ReasonAuthentication,
			says: "sslmode=require"},
		{name: "allow takes plain", user: "postgres", mode: "allow"},
		{name: "allow falls back to TLS", user: "tls", mode: "allow", encrypted: true},
		{name: "prefer takes TLS", user: "postgres", mode: "prefer", encrypted: true},
		{name: "prefer falls back to plain", user: "plain", mode: "prefer"},
		{name: "require checks nothing", user: "tls", mode: "require", host: "127.0.0.1", encrypted: true},
		{name: "require where TLS is refused", user: "plain", mode: "require", reason: pgrepl.ReasonAuthentication,
			says: "pg_hba.conf"},
		{name: "verify-ca", user: "tls", mode: "verify-ca", ca: caFile, encrypted: true},
		{name: "verify-ca does not compare names", user: "tls", mode: "verify-ca", ca: caFile, host: "127.0.0.1",
			encrypted: true},
		{name: "verify-ca with another authority", user: "tls", mode: "verify-ca", ca: otherFile, reason: pgrepl.ReasonTLS,
			says: "database.sslrootcert"},
		{name: "verify-full", user: "tls", mode: "verify-full", ca: caFile, encrypted: true},
		{name: "verify-full with another host", user: "tls", mode: "verify-full", ca: caFile, host: "127.0.0.1",
			reason: pgrepl.ReasonTLS, says: "database.hostname"},
		{name: "verify-full with another authority", user: "tls", mode: "verify-full", ca: otherFile,
			reason: pgrepl.ReasonTLS, says: "database.sslrootcert"},
		{name: "client certificate", user: "cert", mode: "verify-full", ca: caFile, cert: cert, key: key, encrypted: true},
		{name: "no client certificate", user: "cert", mode: "require", reason: pgrepl.ReasonAuthentication,
			says: "database.sslcert"},
		{name: "client certificate of another authority with the same name", user: "cert", mode: "require", cert: strange,
			key: strangeKey, reason: pgrepl.ReasonTLS, says: "database.sslcert"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := map[string]string{"database.user": c.user, "database.password": c.user, "database.sslmode": c.mode,
				"database.sslrootcert": c.ca, "database.sslcert": c.cert, "database.sslkey": c.key}
			if c.host != "" {
				set["database.hostname"] = c.host
			}
			conn, err := s.tlsConfig(set).Connect(t.Context())
			if c.reason != "" {
				if pgrepl.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v, want %s and a word about %s", err, c.reason, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			var encrypted bool
			if err := conn.QueryRow(t.Context(),
				"SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted); err != nil ||
				encrypted != c.encrypted {
				t.Errorf("the connection is encrypted: %t, %v", encrypted, err)
			}
		})
	}
	t.Run("a capture over TLS", func(t *testing.T) {
		prefix := fmt.Sprintf("tls%d", time.Now().UnixNano())
		start(t, s.config("c"+prefix, map[string]string{"topic.prefix": prefix, "slot.name": prefix,
			"publication.name": prefix, "database.hostname": "localhost", "database.user": "cert", "database.password": "",
			"database.sslmode": "verify-full", "database.sslrootcert": caFile, "database.sslcert": cert,
			"database.sslkey": key}))
		await(t, prefix+".public.a", 1)
		if err := s.Exec(t.Context(), "postgres", "INSERT INTO a VALUES (2)"); err != nil {
			t.Fatal(err)
		}
		await(t, prefix+".public.a", 2)
	})
	t.Run("a capture that trusts another authority", func(t *testing.T) {
		err := start(t, s.config("other", map[string]string{"database.hostname": "localhost", "database.user": "tls",
			"database.password": "tls", "database.sslmode": "verify-full", "database.sslrootcert": otherFile})).failure(t)
		if pgrepl.ReasonOf(err) != pgrepl.ReasonTLS {
			t.Errorf("error %v, want %s", err, pgrepl.ReasonTLS)
		}
	})
}

// fakeCredential gives tokens that the role has as password, each once.
type fakeCredential struct {
	given atomic.Int64
	renew func(token string) error
	err   error
}

func (f *fakeCredential) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if f.err != nil {
		return azcore.AccessToken{}, f.err
	}
	if len(o.Scopes) != 1 || o.Scopes[0] != "https://ossrdbms-aad.database.windows.net/.default" {
		return azcore.AccessToken{}, fmt.Errorf("scopes %v", o.Scopes)
	}
	token := fmt.Sprintf("token-%d", f.given.Add(1))
	return azcore.AccessToken{Token: token, ExpiresOn: time.Now().Add(time.Hour)}, f.renew(token)
}

func TestATokenOfEntraIDIsThePasswordOfEachNewConnection(t *testing.T) {
	s := newSource(t)
	role := "entra_" + s.db
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); CREATE ROLE "+role+" SUPERUSER REPLICATION LOGIN")
	credential := &fakeCredential{renew: func(token string) error {
		return s.Exec(context.WithoutCancel(t.Context()), "postgres", "ALTER ROLE "+role+" PASSWORD '"+token+"'")
	}}
	config := s.config("c"+s.db, map[string]string{"database.user": role, "database.password": "",
		"database.connection.factory.class": "entra"})
	made, err := makeTask(servers.kafka.Bootstrap, config, Options{}, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	made.(*task).spec.Connection.Token = entra.From(entra.PostgresScope(),
		func() (azcore.TokenCredential, error) { return credential, nil })
	runTask(t, made)
	s.awaitSlot(t)
	before := credential.given.Load()
	s.exec(t, "INSERT INTO a VALUES (1)")
	await(t, s.db+".public.a", 1)
	s.exec(t, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '"+s.db+"'")
	s.exec(t, "INSERT INTO a VALUES (2)")
	await(t, s.db+".public.a", 2)
	if after := credential.given.Load(); before == 0 || after <= before {
		t.Errorf("%d tokens before the connection was lost, %d after", before, after)
	}
	t.Run("that cannot be had", func(t *testing.T) {
		bad := pgrepl.Config{Host: s.Host, Port: uint16(s.Port), User: role, Database: s.db,
			Token: entra.From(entra.PostgresScope(), func() (azcore.TokenCredential, error) {
				return &fakeCredential{err: errors.New("no identity here")}, nil
			})}
		if _, err := bad.Connect(t.Context()); pgrepl.ReasonOf(err) != pgrepl.ReasonAuthentication ||
			!strings.Contains(err.Error(), "no identity here") {
			t.Errorf("error %v, want %s with the cause", err, pgrepl.ReasonAuthentication)
		}
	})
}

func TestTheFirstOfSeveralHostsThatTakesWritesIsCaptured(t *testing.T) {
	s := newSource(t)
	readOnly := testenv.RunPostgres(t, testenv.PostgresConfig{})
	for _, sql := range []string{"CREATE DATABASE " + s.db, "ALTER SYSTEM SET default_transaction_read_only = on",
		"SELECT pg_reload_conf()"} {
		if err := readOnly.Exec(t.Context(), "postgres", sql); err != nil {
			t.Fatal(err)
		}
	}
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	hosts := fmt.Sprintf("127.0.0.1:%d,%s:%d,%s:%d", testenv.Port(t), readOnly.Host, readOnly.Port, s.Host, s.Port)
	start(t, s.config("c"+s.db, map[string]string{"database.hostname": hosts, "database.port": "1"}))
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO a VALUES (2)")
	await(t, s.db+".public.a", 2)
}

func TestAServerIsReachedByTheDirectoryOfItsSocket(t *testing.T) {
	s := newSource(t)
	if err := os.Chmod(s.Dir, 0o755); err != nil { // the server's user may be another
		t.Skipf("left out: %v", err)
	}
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	start(t, s.config("c"+s.db, map[string]string{"database.hostname": s.Dir, "database.sslmode": "disable"}))
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO a VALUES (2)")
	if got := ops(await(t, s.db+".public.a", 2)); got != "rc" {
		t.Errorf("operations are %s", got)
	}
}
