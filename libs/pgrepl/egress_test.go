package pgrepl_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/egress"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

func TestADatabaseIsNoMetadataService(t *testing.T) {
	for _, host := range []string{"169.254.169.254", "fe80::1", "::ffff:169.254.169.254",
		"0xa9.0xfe.0xa9.0xfe.nip.invalid,168.63.129.16"} {
		conn, err := pgrepl.Config{Host: host, Port: 80, User: "u", Password: "canary", Database: "d",
			SSLMode: "disable"}.Connect(t.Context())
		var refused *egress.Refused
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", host, err)
		}
		if conn != nil {
			_ = conn.Close(t.Context())
		}
	}
}

func TestAnUnusableTLSFileIsNamedBeforeAnyConnection(t *testing.T) {
	for _, c := range []pgrepl.Config{{SSLRootCert: "/dev/zero"}, {SSLCert: "/dev/zero", SSLKey: "/dev/zero"},
		{SSLKey: t.TempDir()}} {
		c.Host, c.Port, c.Database, c.User = "localhost", 1, "d", "u"
		if _, err := c.Connect(t.Context()); pgrepl.ReasonOf(err) != pgrepl.ReasonTLS ||
			!strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%+v: %v", c, err)
		}
		if _, err := pgrepl.OpenSession(t.Context(), c); pgrepl.ReasonOf(err) != pgrepl.ReasonTLS {
			t.Errorf("%+v for replication: %v", c, err)
		}
	}
}
