package admin

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/calypso-cdc/calypso/libs/config"
)

// Role is what a user may do; each role includes the ones before it.
type Role int

// Roles. A viewer reads; an operator also pauses, resumes, stops and restarts, validates, verifies, signals
// snapshots and replays dead letters, and controls the generator; an admin
// also changes configurations and offsets.
const (
	Viewer Role = iota + 1
	Operator
	Admin
)

var roles = map[string]Role{"viewer": Viewer, "operator": Operator, "admin": Admin}

// String is the role's name, as the file of users has it.
func (r Role) String() string {
	for name, role := range roles {
		if role == r {
			return name
		}
	}
	return fmt.Sprintf("Role(%d)", int(r))
}

// Users are the users that admin lets in: the lines of a file, name:role:bcrypt-hash (htpasswd -nbB
// makes name and hash). Empty lines and lines that start with # are skipped. The file is read again
// when it changes. Safe for concurrent use.
//
// Callers prove who they are by HTTP basic authentication, or by the bearer token "name:password";
// both are checked against the same hash. Over mutual TLS a certificate with the user's name as its
// common name will also do, and is the only way for a user whose hash is the word certificate.
type Users struct {
	path string

	mu sync.Mutex
	// All below are guarded by mu.
	modified time.Time
	users    map[string]user
	// verified remembers credentials that matched, by their SHA-256, since bcrypt takes tens of milliseconds by design.
	// It is cleared when the file changes and holds at most maxVerified entries.
	verified map[[sha256.Size]byte]user

	throttle *throttle
	// hashing limits how many comparisons run at the same time: each takes a core for tens of
	// milliseconds.
	hashing chan struct{}
}

type user struct {
	name string
	role Role
	hash []byte
}

// certificateOnly stands in place of the hash of a user who has no password. It is not the hash of
// any password.
const certificateOnly = "certificate"

const (
	maxVerified = 1024
	maxHashing  = 2
)

// ErrUnauthenticated means that a caller did not prove who they are.
var ErrUnauthenticated = errors.New(
	"authentication is needed: send HTTP basic authentication or a bearer token name:password")

// ReadUsers reads the file of users.
func ReadUsers(path string) (*Users, error) {
	u := &Users{path: path, throttle: newThrottle(time.Now), hashing: make(chan struct{}, maxHashing)}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u, u.reload()
}

// noUsers knows no user of a file: people sign in at a provider.
func noUsers() *Users {
	return &Users{throttle: newThrottle(time.Now), hashing: make(chan struct{}, maxHashing)}
}

// reload reads the file if there is one and it has changed. Callers hold mu.
func (u *Users) reload() error {
	if u.path == "" {
		return nil
	}
	info, err := os.Stat(u.path)
	if err != nil {
		return fmt.Errorf("read the file of users: %w", err)
	}
	if info.ModTime().Equal(u.modified) {
		return nil
	}
	content, err := config.ReadFile(u.path)
	if err != nil {
		return fmt.Errorf("read the file of users: %w", err)
	}
	users, err := parseUsers(string(content))
	if err != nil {
		return fmt.Errorf("file of users %s: %w", u.path, err)
	}
	u.modified, u.users, u.verified = info.ModTime(), users, map[[sha256.Size]byte]user{}
	return nil
}

func parseUsers(content string) (map[string]user, error) {
	users := map[string]user{}
	n := 0
	for line := range strings.Lines(content) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		// The line is never quoted: it holds a hash.
		name, rest, ok := strings.Cut(line, ":")
		roleName, hash, ok2 := strings.Cut(rest, ":")
		if !ok || !ok2 || name == "" {
			return nil, fmt.Errorf("line %d is not name:role:bcrypt-hash", n)
		}
		role, ok := roles[roleName]
		if !ok {
			return nil, fmt.Errorf("line %d: role must be viewer, operator or admin", n)
		}
		if _, err := bcrypt.Cost([]byte(hash)); err != nil && hash != certificateOnly {
			return nil, fmt.Errorf("line %d: the hash of %s is not a bcrypt hash", n, name)
		}
		if _, twice := users[name]; twice {
			return nil, fmt.Errorf("line %d: user %s is there twice", n, name)
		}
		users[name] = user{name, role, []byte(hash)}
	}
	if len(users) == 0 {
		return nil, errors.New("it names no user")
	}
	return users, nil
}

// named returns a user by name, for callers that are already authenticated.
func (u *Users) named(name string) (user, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.reload(); err != nil {
		return user{}, err
	}
	if found, ok := u.users[name]; ok {
		return found, nil
	}
	return user{}, ErrUnauthenticated
}

// certified returns the user whose name is the common name of the certificate that a connection was
// made with. Only certificates that the authority of TLS signed are in the verified chains.
func (u *Users) certified(state *tls.ConnectionState) (user, error) {
	if state == nil || len(state.VerifiedChains) == 0 {
		return user{}, ErrUnauthenticated
	}
	return u.named(state.VerifiedChains[0][0].Subject.CommonName)
}

// nobody is the hash that is compared when the name is unknown, so that the time of an answer does
// not reveal which users exist.
var nobody = []byte("$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy")

// authenticate returns the user whose credentials an Authorization header has. from is the machine
// that sent it; the error is errTooManyFailures if that must wait.
func (u *Users) authenticate(header, from string) (user, error) {
	name, password, ok := credentials(header)
	if !ok {
		return user{}, ErrUnauthenticated
	}
	key := sha256.Sum256([]byte(name + "\x00" + password))
	u.mu.Lock()
	if err := u.reload(); err != nil {
		u.mu.Unlock()
		return user{}, err
	}
	found := u.users[name]
	cached, seen := u.verified[key]
	u.mu.Unlock()
	if seen {
		return cached, nil
	}
	right, err := u.compare(from, found.hash, password)
	if err != nil {
		return user{}, err
	}
	if !right {
		return user{}, errors.New("user name or password is wrong")
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.verified) >= maxVerified {
		clear(u.verified)
	}
	u.verified[key] = found
	return found, nil
}

// compare reports whether a password has a hash, which is empty for a user who does not exist. The
// error is errTooManyFailures for a machine that must wait. Only a few comparisons run at once; by
// the time that a request gets its turn, its machine may have to wait.
func (u *Users) compare(from string, hash []byte, password string) (right bool, err error) {
	if err := u.throttle.admit(from); err != nil {
		return false, err
	}
	u.hashing <- struct{}{}
	defer func() { <-u.hashing }()
	if err := u.throttle.admit(from); err != nil {
		return false, err
	}
	known := len(hash) > 0
	if !known {
		hash = nobody
	}
	right = bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil && known
	if right {
		u.throttle.succeeded(from)
	} else {
		u.throttle.failed(from)
	}
	return right, nil
}

// credentials reads an Authorization header. An empty name with an empty password, which some
// clients send when they were given none ("Basic Og=="), does not count.
func credentials(header string) (name, password string, ok bool) {
	scheme, value, _ := strings.Cut(header, " ")
	switch strings.ToLower(scheme) {
	case "basic":
		decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if err != nil {
			return "", "", false
		}
		name, password, ok = strings.Cut(string(decoded), ":")
	case "bearer":
		name, password, ok = strings.Cut(strings.TrimSpace(value), ":")
	}
	return name, password, ok && name != ""
}

// required is the role that a gRPC method needs, by the method's name: whatever is not known to be
// harmless needs an admin.
func required(fullMethod string) Role {
	service, method, _ := strings.Cut(strings.TrimPrefix(fullMethod, "/"), "/")
	switch {
	case service == "grpc.health.v1.Health":
		return 0
	case strings.HasPrefix(service, "grpc.reflection."):
		return Viewer
	case strings.HasPrefix(method, "Get"), strings.HasPrefix(method, "List"), strings.HasPrefix(method, "Watch"):
		return Viewer
	case service == "calypso.orders.v1.OrdersService":
		return Operator
	case strings.HasPrefix(method, "Pause"), strings.HasPrefix(method, "Resume"), strings.HasPrefix(method, "Stop"),
		strings.HasPrefix(method, "Restart"), strings.HasPrefix(method, "Plan"), strings.HasPrefix(method, "Verify"),
		strings.HasPrefix(method, "Repair"),
		strings.HasPrefix(method, "Replay"), strings.HasPrefix(method, "Signal"), strings.HasPrefix(method, "Acknowledge"):
		return Operator
	}
	// That includes Validate, although it changes nothing: its checks connect to the servers that the
	// configuration names, with the secrets that it refers to or that its masks stand for.
	return Admin
}
