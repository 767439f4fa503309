package fleet

import (
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// Flags are the flags and environment variables that the binaries of both fleets have (see package config).
type Flags struct {
	Kafka kafka.Config
	TLS   rpc.TLS

	WorkerID          string   `name:"worker-id" env:"WORKER_ID" help:"Name of this worker in status, as host:port; the gRPC address if empty."`
	ConfigTopic       string   `name:"config-topic" env:"CONFIG_TOPIC" default:"calypso-configs" help:"Compacted topic of configurations."`
	StatusTopic       string   `name:"status-topic" env:"STATUS_TOPIC" default:"calypso-status" help:"Compacted topic of states."`
	OffsetsTopic      string   `name:"offsets-topic" env:"OFFSETS_TOPIC" default:"calypso-offsets" help:"Compacted topic of source offsets."`
	SchemasTopic      string   `name:"schemas-topic" env:"SCHEMAS_TOPIC" default:"calypso-schemas" help:"Compacted topic of the versions of captured tables."`
	ReplicationFactor int16    `name:"replication-factor" env:"REPLICATION_FACTOR" default:"-1" help:"Replication factor of these topics when they are made; -1 is the broker's default."`
	ReferencePaths    []string `name:"reference-paths" env:"REFERENCE_PATHS" help:"Folders or files that ${file:…} and ${dir:…} in configurations may read, separated by commas."`
	RevealSecrets     bool     `name:"reveal-secrets" env:"REVEAL_SECRETS" help:"Whether users with the role admin read literal secrets of configurations as they were given, as with Kafka Connect. Tools that compare what they sent with what they read, such as Terraform, need it; others see masks."`
	CrashDir          string   `name:"crash-dir" env:"CRASH_DIR" help:"Folder that outlives the process, in which the worker keeps what its process ended of; the system's folder of temporary files if empty."`
	ReferenceEnv      string   `name:"reference-env" env:"REFERENCE_ENV" help:"Regular expression of the environment variables that ${env:…} in configurations may read; none if empty."`
}

// Config is what a worker runs with by the flags. Its clients call themselves calypso-<fleet>; group and addresses,
// whose defaults are each fleet's own, are left to the caller.
func (f *Flags) Config(fleet string, tel *telemetry.Telemetry) (Config, error) {
	client, err := f.Kafka.Options("calypso-"+fleet, tel.Logger)
	if err != nil {
		return Config{}, err
	}
	return Config{
		Kafka: client, WorkerID: f.WorkerID, ConfigTopic: f.ConfigTopic, StatusTopic: f.StatusTopic,
		OffsetsTopic: f.OffsetsTopic, SchemasTopic: f.SchemasTopic, ReplicationFactor: f.ReplicationFactor,
		RevealSecrets: f.RevealSecrets, CrashDir: f.CrashDir,
		References: secret.References{Paths: f.ReferencePaths, Env: f.ReferenceEnv}, TLS: f.TLS, Telemetry: tel,
	}, nil
}
