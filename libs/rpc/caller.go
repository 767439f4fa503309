package rpc

import (
	"context"

	"google.golang.org/grpc/metadata"
)

// CallerKey is the metadata key in which a service that has authenticated a user passes the user's
// name to the next service.
const CallerKey = "calypso-user"

// WithCaller returns a context whose calls carry the name of the user on whose behalf they are
// made.
func WithCaller(ctx context.Context, name string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, CallerKey, name)
}

// Caller returns the user that the calling service named; empty if it named none. That proves
// nothing by itself: everybody who can reach the port can send a name.
func Caller(ctx context.Context) string {
	if values := metadata.ValueFromIncomingContext(ctx, CallerKey); len(values) > 0 {
		return values[0]
	}
	return ""
}
