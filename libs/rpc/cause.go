package rpc

import (
	"context"
	"regexp"
	"strings"

	"google.golang.org/grpc/status"

	"github.com/calypso-cdc/calypso/libs/banner"
)

// wrapping matches gRPC's words around the reason why a connection could not be made.
var wrapping = regexp.MustCompile(`connection error: desc = "?(?:transport: )?(?:Error while dialing: )?([^"]*)"?`)

// preface matches gRPC's error for a peer that accepted a connection and then sent nothing, like a
// frozen process.
var preface = regexp.MustCompile(`error reading server preface: .*(?:i/o timeout|use of closed network connection)`)

// CauseAt is Cause for a call to meant, such as admin, at address (host:port). If the connection
// failed during the first messages of gRPC or TLS, it finds out what server answers there, in at
// most two seconds.
func (t TLS) CauseAt(ctx context.Context, err error, meant, address string) string {
	cause := Cause(err)
	if !strings.HasPrefix(cause, "error reading server preface") && !strings.HasPrefix(cause, "authentication handshake") {
		return cause
	}
	if other := banner.GRPC(ctx, address, meant, t.Enabled() || t.CA != ""); other != nil {
		return other.Error()
	}
	return cause
}

// Cause returns the reason of a call's error, without gRPC's own words around it.
func Cause(err error) string {
	text := wrapping.ReplaceAllString(status.Convert(err).Message(), "$1")
	return strings.TrimSpace(preface.ReplaceAllString(text,
		"it takes connections and does not answer, as a process does that is frozen"))
}
