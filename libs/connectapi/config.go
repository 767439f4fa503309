package connectapi

import (
	"context"
	"log/slog"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

// Config is what a Handler needs.
type Config struct {
	// Client reaches the connectors of all fleets.
	Client connectorv1.ConnectorServiceClient
	// ClusterID is the id of the Kafka cluster.
	ClusterID func(context.Context) (string, error)
	// Ready returns why requests cannot be handled now, nil if they can. A nil Ready means always.
	Ready func(context.Context) error
	// Version is Calypso's own version, shown in place of Kafka Connect's commit.
	Version string
	// Loggers are shown and set by /admin/loggers; none if nil.
	Loggers *Loggers
	// Allow returns why the caller may not make a call that changes something, nil if they may. call
	// is the method of ConnectorService that the handler will call, or SetLoggerLevel, which it does
	// itself. A nil Allow allows everything.
	Allow func(ctx context.Context, call string) error
	// Changed is called after the handler itself changed something, with the call, its object and the
	// result.
	Changed func(ctx context.Context, call, of, detail string)
	// Logger is slog.Default if nil.
	Logger *slog.Logger
}
