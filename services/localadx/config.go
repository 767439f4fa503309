package localadx

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
)

// Addresses to listen on unless the configuration says otherwise.
const (
	DefaultHTTPAddr  = "localhost:8082"
	DefaultHTTPSAddr = "localhost:8443"
)

// DefaultDatabase is made when the configuration names none.
const DefaultDatabase = "NetDefaultDB"

// Config configures a Server. The zero Config with a DataDir is complete.
type Config struct {
	// HTTPAddr and HTTPSAddr are host:port to listen on; port 0 takes a free one. Empty is the default.
	HTTPAddr  string
	HTTPSAddr string
	// DataDir holds all data; it is made when missing. Required.
	DataDir string
	// Databases are made at the start when missing. Empty is one, DefaultDatabase.
	Databases []string
	// MemoryLimit bounds the process's memory, such as "2GB": with more, queries wait and are ended.
	// Empty is "1GB".
	MemoryLimit string
	// MemoryBeside is how many bytes the process may use besides that: 256 MB, from which queries
	// that take it are ended early enough that most notice it in time, and more for what else the
	// process does where the server is a part of it. 0 is 256 MB.
	MemoryBeside int64
	// Threads bounds the query engine's threads; 0 is one for each core.
	Threads int
	// MaxBatchingTime caps the time of every table's batching policy; 0 obeys the policies, whose shortest is 10 s.
	MaxBatchingTime time.Duration
	// MaxResultRows is how many rows a query may return; 0 is 500,000, ADX's limit.
	MaxResultRows int64
	// DiskReserve is how many bytes of the data directory's disk stay free: with less, ingestion is refused and queries go
	// on. 0 is 256 MB.
	DiskReserve int64
	// Token, if set, is the bearer token that clients must send.
	Token string
	// CertFile and KeyFile are the https certificate and key in PEM; both or none. Without, the server makes a
	// certificate authority of its own and writes its certificate to DataDir/ca.pem, for clients to trust.
	CertFile string
	KeyFile  string
	// Names are further host names and addresses for the certificate it makes.
	Names []string
	// StorageURL is where clients reach the https listener, such as "https://adx.example:8443", when that is not the host
	// they used and HTTPSAddr's port: behind a port mapping, say.
	StorageURL string
	// Like are the traits of Azure's service that the server imitates although nothing needs them
	// locally, so that clients can be tested against them.
	Like fidelity.Set
	// StorageLife is how long the server hands out the same names of storage where Like has it rotate; 0 is two hours.
	StorageLife time.Duration
	// Emulator has the server answer as Kusto's emulator, which takes no queued and no streaming ingestion.
	Emulator fidelity.Emulator
	// Roles are the roles of all clients; nil means all roles.
	Roles fidelity.Roles
	// StatusOperations is how many requests a day the status table of queued ingestion takes before
	// it asks clients to wait; 0 is any number.
	StatusOperations int64
	// Log gets what happens; nil is slog.Default().
	Log *slog.Logger
}

// withDefaults fills what is empty.
func (c Config) withDefaults() Config {
	if c.HTTPAddr == "" {
		c.HTTPAddr = DefaultHTTPAddr
	}
	if c.HTTPSAddr == "" {
		c.HTTPSAddr = DefaultHTTPSAddr
	}
	if len(c.Databases) == 0 {
		c.Databases = []string{DefaultDatabase}
	}
	if c.MaxResultRows == 0 {
		c.MaxResultRows = 500_000
	}
	if c.MemoryBeside == 0 {
		c.MemoryBeside = 256 << 20
	}
	if c.StorageLife == 0 {
		c.StorageLife = 2 * time.Hour // SDKs ask for the names every hour
	}
	if c.DiskReserve == 0 {
		c.DiskReserve = 256 << 20
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// Validate reports all that is wrong with the configuration.
func (c Config) Validate() error {
	c = c.withDefaults()
	var problems []error
	for _, addr := range []string{c.HTTPAddr, c.HTTPSAddr} {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			problems = append(problems, fmt.Errorf("address %q must be host:port: %w", addr, err))
		}
	}
	if c.DataDir == "" {
		problems = append(problems, errors.New("a data directory is required"))
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		problems = append(problems, errors.New("a certificate file needs a key file and the other way round"))
	}
	if c.MaxBatchingTime < 0 {
		problems = append(problems, fmt.Errorf("the longest batching time is %s and cannot be negative", c.MaxBatchingTime))
	}
	if c.StorageLife < 0 {
		problems = append(problems, fmt.Errorf("the life of storage is %s and cannot be negative", c.StorageLife))
	}
	if c.Threads < 0 {
		problems = append(problems, fmt.Errorf("the number of threads is %d and cannot be negative", c.Threads))
	}
	return errors.Join(problems...)
}
