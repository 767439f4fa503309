package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/config"
)

// ErrNoBinaries means that the machine has no PostgreSQL server binaries.
var ErrNoBinaries = errors.New(
	"no PostgreSQL server binaries (initdb, postgres) in PATH or /usr/lib/postgresql: install the package postgresql")

// User is the superuser of every server that Start initializes.
const User = "postgres"

const (
	startTimeout = time.Minute
	stopTimeout  = 30 * time.Second
)

// Config says how to run a server.
type Config struct {
	// Dir is the data directory, created if it is missing.
	Dir string
	// Bin is the directory of the server's binaries, as FindBinaries returns it.
	Bin string
	// Port is the TCP port on 127.0.0.1.
	Port int
	// Password is User's; without one, every user of this machine may log in. It is set when the data
	// directory is created.
	Password config.Secret
	// Settings are "name = value" lines of postgresql.conf, given at each start.
	Settings map[string]string
	// Log gets the server's log lines.
	Log io.Writer
}

// Server is a running server.
type Server struct {
	config  Config
	account Account
	cmd     *exec.Cmd
	done    chan struct{}
	err     error // how the server ended; valid once done is closed
}

// FindBinaries finds the directory of the server's binaries: that of initdb in PATH, else the
// newest version under /usr/lib/postgresql (Debian) or /usr/pgsql-* (Red Hat).
func FindBinaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		// A link to one program leads to all of them.
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	redHat, _ := filepath.Glob("/usr/pgsql-*/bin")
	found := append(debian, redHat...)
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range found {
		if HasBinaries(dir) {
			return dir, nil
		}
	}
	return "", ErrNoBinaries
}

// HasBinaries reports whether dir holds the server's binaries.
func HasBinaries(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// version returns the number in /usr/lib/postgresql/15/bin or /usr/pgsql-15/bin.
func version(bin string) int {
	name := filepath.Base(filepath.Dir(bin))
	n, _ := strconv.Atoi(name[strings.LastIndex(name, "-")+1:])
	return n
}

// Start starts a server and returns when it accepts connections.
func Start(ctx context.Context, cfg Config) (_ *Server, err error) {
	s := &Server{config: cfg, done: make(chan struct{})}
	if s.account, err = AccountToRunAs(); err != nil {
		return nil, err
	}
	if err := s.makeDir(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(cfg.Dir, "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		if err := s.init(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	if err := s.await(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Reachable reports whether the user as which a server would run can reach dir, which need not
// exist yet: root may own directories that this user cannot enter.
func Reachable(dir string) bool {
	a, err := AccountToRunAs()
	return err == nil && (!a.Switches || a.canEnter(filepath.Dir(dir)))
}

func (s *Server) makeDir() error {
	// The server's user must be able to pass through the directories above; its own is for nobody
	// else.
	err := os.MkdirAll(filepath.Dir(s.config.Dir), 0o711)
	if err == nil {
		err = os.MkdirAll(s.config.Dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("make PostgreSQL's data directory: %w", err)
	}
	if !s.account.Switches {
		return nil
	}
	if !s.account.canEnter(filepath.Dir(s.config.Dir)) {
		return fmt.Errorf("PostgreSQL refuses to run as root, and user %s cannot enter %s: choose another data directory",
			s.account.Name, filepath.Dir(s.config.Dir))
	}
	if err := os.Chown(s.config.Dir, s.account.UID, s.account.GID); err != nil {
		return fmt.Errorf("give PostgreSQL's data directory to user %s: %w", s.account.Name, err)
	}
	return nil
}

func (s *Server) init(ctx context.Context) error {
	auth := []string{"--auth=trust"}
	if s.config.Password != "" {
		file, err := s.passwordFile()
		if err != nil {
			return err
		}
		defer os.Remove(file)
		auth = []string{"--auth=scram-sha-256", "--pwfile", file}
	}
	cmd := s.command(ctx, "initdb", append(auth, "-D", s.config.Dir, "-U", User, "-E", "UTF8", "--locale=C")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb of PostgreSQL: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// passwordFile writes the password where initdb, run as the server's user, can read it.
func (s *Server) passwordFile() (string, error) {
	file, err := os.CreateTemp("", "calypso-pw-")
	if err != nil {
		return "", fmt.Errorf("make a file for initdb's password: %w", err)
	}
	_, err = file.WriteString(s.config.Password.Reveal())
	if s.account.Switches {
		err = errors.Join(err, file.Chown(s.account.UID, s.account.GID))
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("write a file for initdb's password: %w", err), os.Remove(file.Name()))
	}
	return file.Name(), nil
}

func (s *Server) run(ctx context.Context) error {
	args := []string{"-D", s.config.Dir, "-p", strconv.Itoa(s.config.Port), "-c", "listen_addresses=127.0.0.1",
		// No socket: its usual directory belongs to the machine's own server.
		"-c", "unix_socket_directories="}
	settings := map[string]string{"wal_level": "logical"}
	list, plugins, err := AllowPlugins(ctx, s.config.Bin, s.config.Dir)
	if err != nil {
		return err
	}
	if list != "" {
		settings[list] = plugins
	}
	for name, value := range s.config.Settings {
		settings[name] = value
	}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	s.cmd = s.command(context.Background(), "postgres", args...)
	s.cmd.Stdout, s.cmd.Stderr = s.config.Log, s.config.Log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	return nil
}

// command makes a command that runs as the server's user, in the data directory.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.config.Bin, name), args...)
	cmd.Dir = s.config.Dir
	cmd.SysProcAttr = s.account.attributes()
	// The environment's PG* variables are for another server.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PG") })
	return cmd
}

// await returns when the server accepts connections.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		// 28P01: the server runs and refuses our password; waiting cannot help.
		if strings.Contains(err.Error(), "28P01") {
			return fmt.Errorf("the PostgreSQL in %s refuses the password with which it was made: %w", s.config.Dir, err)
		}
		select {
		case <-s.done:
			return fmt.Errorf("PostgreSQL ended while starting (%s); its log says why", s.Ending())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not take connections after %v: %w", startTimeout, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// URL returns User's connection string for a database. It contains the password.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", User, s.config.Password.Reveal(),
		s.config.Port, database)
}

// Done returns a channel that is closed when the server has ended, by Stop or by itself; Ending
// then says how.
func (s *Server) Done() <-chan struct{} { return s.done }

// Ending says how the server ended; call it only after Done.
func (s *Server) Ending() string {
	if s.err == nil {
		return "exit status 0, as after pg_ctl stop"
	}
	return s.err.Error()
}

// Stop ends sessions and the server in an orderly way ("fast shutdown"), and returns when it is
// gone.
func (s *Server) Stop() error {
	_ = s.cmd.Process.Signal(os.Interrupt) // fails only if it is gone
	select {
	case <-s.done:
		return nil
	case <-time.After(stopTimeout):
		_ = s.cmd.Process.Kill()
		<-s.done
		return fmt.Errorf("PostgreSQL did not stop within %v and was killed; it will recover at its next start", stopTimeout)
	}
}

// Account is a user as which a server runs. The zero value is the user of this process.
type Account struct {
	Name     string
	UID, GID int
	// Switches is true if it is not the user of this process.
	Switches bool
}

// AccountToRunAs returns the user of this process; for root, as which PostgreSQL refuses to run,
// postgres or else nobody.
func AccountToRunAs() (Account, error) {
	if os.Geteuid() != 0 {
		return Account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		return Account{Name: name, UID: uid, GID: gid, Switches: true}, errors.Join(err1, err2)
	}
	return Account{},
		errors.New(
			"PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as: start as another user")
}
