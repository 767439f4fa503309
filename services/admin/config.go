package admin

import (
	"errors"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/admin/checks"
	"github.com/calypso-cdc/calypso/services/admin/signin"
)

// Config is what admin is started with.
type Config struct {
	// GRPCAddress serves all services of this package; HTTPAddresses serve the Kafka Connect API, /v1 and the pages,
	// each address the same. Required; port 0 takes any free port.
	GRPCAddress   string
	HTTPAddresses []string
	// Capture and Sink are the gRPC addresses (host:port) of the fleets' workers, at least one each.
	Capture []string
	Sink    []string
	// Orders is the gRPC address of the orders-generator; empty where there is none.
	Orders string

	// UsersFile names who may call (see Users). Empty: everybody may do everything, which is refused on addresses other
	// than loopback unless TLS.InsecureNoAuth says that something else guards them.
	UsersFile string
	// SignIn is a provider at which people can also sign in to the page; none if it has no issuer.
	SignIn signin.OIDC

	// TLS secures admin's gRPC and HTTP, and its connections to the workers; plaintext if it is zero.
	// If it has a CA, a user may also be identified by a certificate that the CA signed, whose common
	// name is the user's name.
	TLS rpc.TLS

	// TableMetrics is how many tables, the latest of all pipelines, the metric of a table's lag
	// covers; 0 switches it off.
	TableMetrics int
	// Version is shown by the web page.
	Version string
	// Telemetry is where admin logs, measures and traces; required.
	Telemetry *telemetry.Telemetry
}

// generatorName is the service name of the orders-generator.
const generatorName = checks.GeneratorFleet

// Validate joins everything that is wrong with the configuration.
func (c *Config) Validate() error {
	var errs []error
	if len(c.HTTPAddresses) == 0 {
		errs = append(errs, errors.New("no HTTP address to listen at"))
	}
	if len(c.Capture) == 0 {
		errs = append(errs, errors.New("no address of a capture worker"))
	}
	if len(c.Sink) == 0 {
		errs = append(errs, errors.New("no address of a sink worker"))
	}
	if c.TableMetrics < 0 {
		errs = append(errs, fmt.Errorf("--table-metrics must not be negative, and is %d", c.TableMetrics))
	}
	if c.SignIn.Issuer != "" {
		if err := c.SignIn.Validate(); err != nil {
			errs = append(errs, err)
		}
	}
	for _, address := range append([]string{c.GRPCAddress}, c.HTTPAddresses...) {
		loopback, err := rpc.IsLoopback(address)
		if err != nil {
			errs = append(errs, err)
		} else if !loopback && c.UsersFile == "" && c.SignIn.Issuer == "" && !c.TLS.InsecureNoAuth {
			errs = append(errs, fmt.Errorf("%s can be reached from other machines, and nobody would have to authenticate:  "+
				"name the users with --users-file, or say --insecure-no-auth if something else guards the address", address))
		}
	}
	return errors.Join(errs...)
}
