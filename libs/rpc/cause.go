package rpc

import (
	"regexp"
	"strings"

	"google.golang.org/grpc/status"
)

// wrapping is what gRPC says around the reason why a connection could not be made.
var wrapping = regexp.MustCompile(`connection error: desc = "?(?:transport: )?(?:Error while dialing: )?([^"]*)"?`)

// preface is how gRPC says that a peer took a connection and then said nothing, as a process that is frozen does.
var preface = regexp.MustCompile(`error reading server preface: .*(?:i/o timeout|use of closed network connection)`)

// Cause is the reason of a call's error, without gRPC's own words around it.
func Cause(err error) string {
	text := wrapping.ReplaceAllString(status.Convert(err).Message(), "$1")
	return strings.TrimSpace(preface.ReplaceAllString(text,
		"it takes connections and does not answer, as a process does that is frozen"))
}
