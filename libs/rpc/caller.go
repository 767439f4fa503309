package rpc

import (
	"context"

	"google.golang.org/grpc/metadata"
)

// CallerKey is the metadata in which a service that has authenticated a user names it to the next
// service.
const CallerKey = "calypso-user"

// WithCaller makes calls with the context name the user on whose behalf they are made.
func WithCaller(ctx context.Context, name string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, CallerKey, name)
}

// Caller is the user that the calling service named; empty if it named none. It proves nothing:
// only who may reach a service's port can say so.
func Caller(ctx context.Context) string {
	if values := metadata.ValueFromIncomingContext(ctx, CallerKey); len(values) > 0 {
		return values[0]
	}
	return ""
}
