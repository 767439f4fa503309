package pgserver_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/pgserver"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// config is of a server in a directory that the user postgres can reach even if root runs the test.
func config(t *testing.T) pgserver.Config {
	t.Helper()
	bin, err := pgserver.FindBinaries()
	if errors.Is(err, pgserver.ErrNoBinaries) {
		t.Skipf("left out: %v", err)
	}
	dir, err := os.MkdirTemp("", "calypso-pgserver-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return pgserver.Config{Dir: filepath.Join(dir, "made", "by", "start"), Bin: bin, Port: testenv.Port(t),
		Password: "made-for-the-test", Log: t.Output()}
}

func start(t *testing.T, cfg pgserver.Config) *pgserver.Server {
	t.Helper()
	s, err := pgserver.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

func query(t *testing.T, s *pgserver.Server, sql string) (value string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestDataSurvivesARestart(t *testing.T) {
	cfg := config(t)
	s := start(t, cfg)
	if level := query(t, s, "SHOW wal_level"); level != "logical" {
		t.Errorf("wal_level is %s", level)
	}
	query(t, s, "SELECT lo_from_bytea(4711, 'kept')::text")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if kept := query(t, start(t, cfg), "SELECT convert_from(lo_get(4711), 'UTF8')"); kept != "kept" {
		t.Errorf("the object is %q after a restart", kept)
	}
}

func TestAServerThatSomebodyElseStopsSaysHowItEnded(t *testing.T) {
	for how, c := range map[string]struct{ signal, want string }{"in order": {"INT", "exit status 0"},
		"killed": {"KILL", "signal: killed"}} {
		cfg := config(t)
		s := start(t, cfg)
		pid, err := os.ReadFile(filepath.Join(cfg.Dir, "postmaster.pid"))
		if err != nil {
			t.Fatal(err)
		}
		number, _, _ := strings.Cut(string(pid), "\n")
		if out, err := exec.CommandContext(t.Context(), "kill", "-"+c.signal, number).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		<-s.Done()
		if said := s.Ending(); !strings.Contains(said, c.want) || strings.Contains(said, "%") {
			t.Errorf("a server that was stopped %s says %q", how, said)
		}
	}
}

func TestAWrongPasswordIsSaidAtOnce(t *testing.T) {
	cfg := config(t)
	if err := start(t, cfg).Stop(); err != nil {
		t.Fatal(err)
	}
	cfg.Password = "another"
	_, err := pgserver.Start(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "refuses the password") ||
		strings.Contains(err.Error(), "another-") {
		t.Errorf("error is %v", err)
	}
}

func TestADirectoryThatTheServersUserCannotEnterIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("left out: only root runs the server as another user")
	}
	cfg := config(t)
	closed := filepath.Join(filepath.Dir(cfg.Dir), "closed")
	if err := os.MkdirAll(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	cfg.Dir = filepath.Join(closed, "data")
	if pgserver.Reachable(cfg.Dir) {
		t.Error("the directory is said to be reachable")
	}
	if _, err := pgserver.Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "cannot enter") {
		t.Errorf("error is %v", err)
	}
}

// plugin makes (until its connection ends) a slot of an output plugin, which a server may refuse or not have.
func plugin(t *testing.T, s *pgserver.Server, name string) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	// That of an earlier connection may still be there for a moment.
	_, err = conn.Exec(t.Context(), "SELECT pg_create_logical_replication_slot('probe' || pg_backend_pid(), $1, true)", name)
	return err
}

func TestConnectorsMayUseTheirPluginsBesidesThoseThatTheConfigurationAllows(t *testing.T) {
	cfg := config(t)
	s := start(t, cfg)
	for _, name := range []string{"pgoutput", "test_decoding", "wal2json", "decoderbufs"} {
		// 58P01: the machine has no such plugin.
		if err := plugin(t, s, name); err != nil && !strings.Contains(err.Error(), "58P01") {
			t.Errorf("%s is refused: %v", name, err)
		}
	}
	if query(t, s, "SELECT count(*)::text FROM pg_settings WHERE name = 'output_plugin_libraries'") == "0" {
		t.Skip("left out: the server has no list of output plugins (PostgreSQL 15.18 and older)")
	}
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(),
		`ALTER SYSTEM SET output_plugin_libraries = '$libdir/my, own', pgoutput`); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, cfg)
	if list := query(t, s, "SHOW output_plugin_libraries"); list != `"$libdir/my, own", pgoutput, wal2json, decoderbufs` {
		t.Errorf("the list is %s", list)
	}
	if err := plugin(t, s, "test_decoding"); err == nil {
		t.Error("a plugin that the configuration leaves out is allowed")
	}
	if err := plugin(t, s, "wal2json"); err != nil && !strings.Contains(err.Error(), "58P01") {
		t.Errorf("wal2json is refused: %v", err)
	}
}

func TestTheContainersServerIsStartedWithTheConnectorsPluginsWhereItListsThem(t *testing.T) {
	cfg := config(t)
	script, err := filepath.Abs("../../deploy/docker/postgres/with-output-plugins")
	if err != nil {
		t.Fatal(err)
	}
	tools := t.TempDir()
	if err := os.WriteFile(filepath.Join(tools, "docker-entrypoint.sh"), []byte("#!/bin/sh\nprintf '%s|' \"$@\"\n"),
		0o700); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		cmd := exec.Command("bash", append([]string{script}, args...)...)
		cmd.Env = append(os.Environ(), "PATH="+tools+":"+cfg.Bin+":"+os.Getenv("PATH"), "PGDATA="+cfg.Dir)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return string(out)
	}
	name, allowed, err := pgserver.AllowPlugins(t.Context(), cfg.Bin, cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	more := ""
	if name != "" {
		more = "-c|" + name + "=" + allowed + "|"
	}
	if got, want := run("postgres", "-c", "a=b c"), "postgres|-c|a=b c|"+more; got != want {
		t.Errorf("a new server is started with %s, want %s", got, want)
	}
	if got := run("psql", "-l"); got != "psql|-l|" {
		t.Errorf("another command is %s", got)
	}
	s := start(t, cfg)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if name == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(cfg.Dir, "postgresql.auto.conf"), []byte(name+" = 'pgoutput, mine'\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := run("postgres"), "postgres|-c|"+name+"=pgoutput, mine, wal2json, decoderbufs|"; got != want {
		t.Errorf("a server that allows one of its own is started with %s, want %s", got, want)
	}
}
