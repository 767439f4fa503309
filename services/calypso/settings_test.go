package calypso

import (
	"net"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// settings are the defaults with all ports free and all data in a new directory.
func settings(t *testing.T, args ...string) Settings {
	t.Helper()
	var s Settings
	if _, err := (config.Program{Name: "calypso up"}).Load(&s, args); err != nil {
		t.Fatal(err)
	}
	for _, p := range s.ports() {
		*p.port = testenv.Port(t)
	}
	s.Data = t.TempDir()
	return s
}

func TestTakenPortsAreNamedAllAtOnceWithTheirFlags(t *testing.T) {
	s := settings(t)
	for _, port := range []int{s.PostgresPort, s.SinkPort} {
		l, err := net.Listen("tcp", local(port))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	err := s.claimPorts()
	if err == nil || !strings.Contains(err.Error(), "--pg-port") || !strings.Contains(err.Error(), "--sink-port") ||
		strings.Contains(err.Error(), "--kafka-port") {
		t.Errorf("error is %v", err)
	}
	before := s
	s.FreePorts = true
	if err := s.claimPorts(); err != nil {
		t.Fatal(err)
	}
	if s.PostgresPort == before.PostgresPort || s.SinkPort == before.SinkPort || s.KafkaPort != before.KafkaPort {
		t.Errorf("ports are %+v, were %+v", s, before)
	}
}

func TestPortsOfPartsThatAreGivenAreNotNeeded(t *testing.T) {
	s := settings(t, "--pg-url", "postgres://u@h/d", "--brokers", "h:9092", "--adx-url",
		"https://c.r.kusto.windows.net", "--no-orders")
	for _, p := range s.ports() {
		if strings.HasPrefix(p.flag, "pg-") || strings.HasPrefix(p.flag, "kafka-") || strings.HasPrefix(p.flag, "adx-") ||
			strings.HasPrefix(p.flag, "orders-") {
			t.Errorf("%s is claimed", p.flag)
		}
	}
}

func TestWrongSettingsAreNamedAllAtOnce(t *testing.T) {
	s := settings(t)
	s.PostgresPort, s.SinkPort, s.ADXURL = 70000, s.SourcePort, "https://c.r.kusto.windows.net"
	err := s.Validate()
	for _, want := range []string{"pg-port", "source-port and sink-port", "adx-tenant"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

func TestAPostgresURLIsUnderstoodWithItsTLSMode(t *testing.T) {
	for url, want := range map[string]source{
		"postgres://me:p%40ss@db.example:6432/shop?sslmode=require": {Host: "db.example", Port: 6432, User: "me",
			Password: "p@ss", Database: "shop", SSLMode: "require"},
		"postgres://me@localhost/shop?sslmode=disable": {Host: "localhost", Port: 5432, User: "me",
			Database: "shop", SSLMode: "disable"},
		"postgres://me@localhost/shop": {Host: "localhost", Port: 5432, User: "me",
			Database: "shop", SSLMode: "prefer"},
		"postgres://me@localhost/shop?sslmode=verify-full": {Host: "localhost", Port: 5432, User: "me",
			Database: "shop", SSLMode: "verify-full"},
	} {
		got, err := givenSource(url)
		if err != nil || *got != want {
			t.Errorf("%s: %+v, %v", url, got, err)
		}
	}
	if _, err := givenSource("postgres://me:canary-9@h:x/d"); err == nil || strings.Contains(err.Error(), "canary-9") {
		t.Errorf("a wrong URL: %v", err)
	}
}
