// Package gateway is the JSON form of Calypso's gRPC services, under /v1, by grpc-gateway.
//
// It is stricter than grpc-gateway itself: a field, parameter or name of an enum that does not
// exist is refused, not passed over. Every error has the form of google.rpc.Status with an
// ErrorInfo, and names the field that it is about in a BadRequest.
package gateway
