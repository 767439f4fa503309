package fleet

import (
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// Flags are the flags and environment variables that the binaries of both fleets have (see package config).
type Flags struct {
	Kafka  kafka.Config
	TLS    rpc.TLS
	Worker runtime.Settings
}

// Config is what a worker runs with by the flags. Its clients call themselves calypso-<fleet>; group and addresses,
// whose defaults are each fleet's own, are left to the caller.
func (f *Flags) Config(fleet string, tel *telemetry.Telemetry) (Config, error) {
	client, err := f.Kafka.Options("calypso-"+fleet, tel.Logger)
	if err != nil {
		return Config{}, err
	}
	return Config{Settings: f.Worker, Kafka: client, TLS: f.TLS, Telemetry: tel}, nil
}
