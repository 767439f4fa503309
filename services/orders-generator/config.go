package ordersgenerator

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// Config is the configuration of the generator. Rate, mix, seed and whether it writes can be
// changed while it runs; they start with the values here.
type Config struct {
	// PostgreSQL. Host, User and Database are required. Port is 5432 and SSLMode require if empty; SSLMode has libpq's
	// values (disable, allow, prefer, require, verify-ca, verify-full).
	Host     string
	Port     uint16
	User     string
	Password config.Secret
	Database string
	SSLMode  string

	// CreateTable makes schema retail and table orders_info if they are missing.
	CreateTable bool
	// Rate is changes a second; DefaultRate if 0.
	Rate float64
	Mix  Mix
	// Seed of the random orders; a random one if 0.
	Seed int64
	// Stopped leaves the writing to a later Start call.
	Stopped bool

	// GRPCAddress serves OrdersService with health and reflection; HTTPAddress serves /metrics, /healthz and /readyz.
	// Required; port 0 takes any free port.
	GRPCAddress string
	HTTPAddress string
	// TLS secures gRPC; zero means plaintext.
	TLS rpc.TLS

	// Telemetry is where the generator logs, measures and traces; required.
	Telemetry *telemetry.Telemetry
}

// Validate returns all errors in the configuration, joined, by the names of the environment
// variables.
func (c *Config) Validate() error {
	var errs []error
	for _, required := range []struct{ name, value string }{
		{"PG_HOST", c.Host}, {"PG_USER", c.User}, {"PG_DB", c.Database}, {"the gRPC address", c.GRPCAddress},
		{"the HTTP address", c.HTTPAddress},
	} {
		if required.value == "" {
			errs = append(errs, fmt.Errorf("%s is not set", required.name))
		}
	}
	if c.Rate != 0 {
		errs = append(errs, ValidateRate(c.Rate))
	}
	errs = append(errs, c.Mix.Validate())
	if _, err := c.pool(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// address is host:port, for messages.
func (c *Config) address() string { return net.JoinHostPort(c.Host, strconv.Itoa(int(c.port()))) }

func (c *Config) port() uint16 {
	if c.Port == 0 {
		return 5432
	}
	return c.Port
}

// pool describes the connections. The password is never part of a connection string, whose text errors may quote.
func (c *Config) pool() (*pgxpool.Config, error) {
	mode := c.SSLMode
	if mode == "" {
		mode = "require"
	}
	// The string must name host and user: pgx derives the TLS server name from them, and would otherwise read PGHOST.
	cfg, err := pgxpool.ParseConfig(fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=%s",
		quote(c.Host), c.port(), quote(c.User), quote(c.Database), quote(mode)))
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL connection settings (PG_SSLMODE is %q): %w", mode, err)
	}
	cfg.ConnConfig.Password = c.Password.Reveal()
	cfg.ConnConfig.RuntimeParams["application_name"] = "orders-generator"
	cfg.ConnConfig.ConnectTimeout = 10 * time.Second
	// The loop and a few bursts at once.
	cfg.MaxConns = 4
	return cfg, nil
}

// quote writes a value of a libpq connection string.
func quote(s string) string {
	quoted := []byte{'\''}
	for i := range len(s) {
		if s[i] == '\'' || s[i] == '\\' {
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, s[i])
	}
	return string(append(quoted, '\''))
}
