package connectapi

import (
	"context"
	"log/slog"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

// Config says what a Handler serves.
type Config struct {
	// Client reaches the connectors of all fleets.
	Client connectorv1.ConnectorServiceClient
	// ClusterID is the id of the Kafka cluster.
	ClusterID func(context.Context) (string, error)
	// Ready says why requests cannot be handled now, nil if they can; always ready if it is nil.
	Ready func(context.Context) error
	// Version is Calypso's own version. It stands where Kafka Connect has its commit.
	Version string
	// Loggers is what /admin/loggers shows and sets; empty if nil.
	Loggers *Loggers
	// Allow says why the caller may not make a call that changes something, named as the method of
	// ConnectorService that the handler will call, or SetLoggerLevel, which it does by itself; nil
	// if they may. Everybody may if it is nil.
	Allow func(ctx context.Context, call string) error
	// Changed is called with what the handler changed by itself: the call, its object, and the
	// result.
	Changed func(ctx context.Context, call, of, detail string)
	// Logger is slog.Default if nil.
	Logger *slog.Logger
}
