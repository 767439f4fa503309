package fleet

import (
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// Flags are the flags and environment variables that the programs of both fleets share (see package
// config).
type Flags struct {
	Kafka  kafka.Config
	TLS    rpc.TLS
	Worker runtime.Settings
}

// Config makes a worker's configuration from the flags. Its Kafka clients are named
// calypso-<fleet>. The caller sets group and addresses, whose defaults differ between fleets.
func (f *Flags) Config(fleet string, tel *telemetry.Telemetry) (Config, error) {
	client, err := f.Kafka.Options("calypso-"+fleet, tel.Logger)
	if err != nil {
		return Config{}, err
	}
	return Config{Settings: f.Worker, Kafka: client, TLS: f.TLS, Telemetry: tel}, nil
}
