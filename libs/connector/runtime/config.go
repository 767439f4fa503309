package runtime

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/connector/store"
	"github.com/calypso-cdc/calypso/libs/kafka"
)

// Settings are what an operator sets for a worker: flags and environment variables of the binaries
// of both fleets (see package config). Zero fields take the declared defaults.
type Settings struct {
	// WorkerID is unique in the fleet.
	WorkerID string `name:"worker-id" env:"WORKER_ID" help:"Name of this worker in status, as host:port; the gRPC address if empty."`
	// The topics are shared by all fleets and created if they are missing. SchemasTopic is created by
	// tasks when they first need it, with one partition.
	ConfigTopic  string `name:"config-topic" env:"CONFIG_TOPIC" default:"calypso-configs" help:"Compacted topic of configurations."`
	StatusTopic  string `name:"status-topic" env:"STATUS_TOPIC" default:"calypso-status" help:"Compacted topic of states."`
	OffsetsTopic string `name:"offsets-topic" env:"OFFSETS_TOPIC" default:"calypso-offsets" help:"Compacted topic of source offsets."`
	SchemasTopic string `name:"schemas-topic" env:"SCHEMAS_TOPIC" default:"calypso-schemas" help:"Compacted topic of the versions of captured tables."`

	ReplicationFactor int16 `name:"replication-factor" env:"REPLICATION_FACTOR" default:"-1" help:"Replication factor of these topics when they are created; -1 is the broker's default."`
	Secrets           secret.Settings
	// CrashDir must outlive the process, or a connector that crashes it again and again cannot be
	// identified.
	CrashDir string `name:"crash-dir" env:"CRASH_DIR" help:"Directory that outlives the process, in which the worker records what ended its process; the system's directory for temporary files if empty."`
}

// Config is the configuration of a worker. Zero fields take the defaults that their comments name.
type Config struct {
	Settings
	// Kafka are the options that every client of this worker connects with: brokers, TLS, SASL, client id, logger. It
	// must hold kgo.SeedBrokers.
	Kafka []kgo.Opt
	// GroupID is the consumer group whose members are the workers of this fleet, such as "calypso-capture".
	GroupID string
	// Plugins are the connector classes that this fleet runs. Connectors of other classes are left to other fleets.
	Plugins []connector.Plugin

	// TimelineTopic keeps who did what; "calypso-timeline" by default. It is created when it is first
	// needed.
	TimelineTopic string
	// Partitions is how many partitions the config topic is created with, 24 by default: the most
	// workers over which a fleet can spread its tasks. Status and offsets topics are created with as
	// many.
	Partitions int32

	// SessionTimeout is how long a worker may show no sign of life before its tasks go to others, 6 s
	// by default (the least that Kafka brokers allow by default).
	SessionTimeout time.Duration
	// HandoverTimeout bounds how long a task may take to stop when it moves to another worker, 20 s by default; a task
	// that takes longer is left behind, fenced by its successor.
	HandoverTimeout time.Duration
	// StoreTimeout bounds a write to Kafka on behalf of a call, 10 s by default.
	StoreTimeout time.Duration
	// CheckTimeout bounds the checks of a source or target that ValidateConfig makes, 10 s by default.
	CheckTimeout time.Duration
	// AloneFor is how long a task that may have ended the process is watched before the next is started, 10 s by
	// default.
	AloneFor time.Duration

	// Logger is slog.Default if nil; Meter records nothing if nil.
	Logger *slog.Logger
	Meter  metric.Meter
}

// store is the part of the configuration from which the store is made.
func (c *Config) store(reach *kafka.Reach, meters *kafka.Meters) store.Config {
	return store.Config{
		Kafka: c.Kafka, Partitions: c.Partitions, ReplicationFactor: c.ReplicationFactor, Timeout: c.StoreTimeout,
		Reach: reach, Meters: meters, Logger: c.Logger,
		ConfigTopic: c.ConfigTopic, StatusTopic: c.StatusTopic, OffsetsTopic: c.OffsetsTopic, SchemasTopic: c.SchemasTopic,
		TimelineTopic: c.TimelineTopic,
	}
}

// withDefaults fills what is not set.
func (c Config) withDefaults() Config {
	config.SetDefaults(&c.Settings)
	setDefault(&c.TimelineTopic, "calypso-timeline")
	setDefault(&c.Partitions, 24)
	setDefault(&c.SessionTimeout, 6*time.Second)
	setDefault(&c.HandoverTimeout, 20*time.Second)
	setDefault(&c.StoreTimeout, 10*time.Second)
	setDefault(&c.CheckTimeout, 10*time.Second)
	setDefault(&c.CrashDir, os.TempDir())
	setDefault(&c.AloneFor, 10*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Meter == nil {
		c.Meter = metricnoop.Meter{}
	}
	return c
}

// crashDir is the worker's own directory.
func (c *Config) crashDir() string {
	return filepath.Join(c.CrashDir, "calypso-"+url.QueryEscape(c.GroupID+"-"+c.WorkerID))
}

// rebalanceTimeout is how long the group waits for a member that hands over tasks.
func (c Config) rebalanceTimeout() time.Duration { return c.HandoverTimeout + 10*time.Second }

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate joins all faults of a configuration whose defaults are filled in.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(c.Kafka) == 0 {
		fault("Kafka: the options to connect with are missing")
	}
	if c.GroupID == "" {
		fault("GroupID: the name of the fleet's consumer group is missing")
	}
	if c.WorkerID == "" {
		fault("WorkerID: the worker's address is missing")
	}
	if len(c.Plugins) == 0 {
		fault("Plugins: a worker needs at least one connector class")
	}
	if c.ConfigTopic == c.StatusTopic || c.ConfigTopic == c.OffsetsTopic || c.StatusTopic == c.OffsetsTopic {
		fault("ConfigTopic, StatusTopic and OffsetsTopic must be three topics, not %s, %s and %s", c.ConfigTopic,
			c.StatusTopic, c.OffsetsTopic)
	}
	if c.Partitions < 1 {
		fault("Partitions: %d, want at least 1", c.Partitions)
	}
	if c.SessionTimeout < time.Second {
		fault("SessionTimeout: %s, want at least 1s", c.SessionTimeout)
	}
	names := map[string]string{}
	for _, plugin := range c.Plugins {
		if err := plugin.Validate(); err != nil {
			faults = append(faults, err)
		}
		for _, name := range append([]string{plugin.Class}, plugin.Aliases...) {
			if other, taken := names[name]; taken {
				fault("Plugins: %s names both %s and %s", name, other, plugin.Class)
			}
			names[name] = plugin.Class
		}
	}
	if err := c.Secrets.References.Validate(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}
