// Package api answers ConnectorService for the connectors of one fleet.
//
// Model. Any worker takes any call: what a call changes is appended to the config topic, and the
// owner acts on it when it reads it; what a call asks for is answered from what this worker has
// read. A Server is made of parts, one for each subject of calls: configurations, states, offsets,
// plugins, events, transactions. They share a view of the fleet and know nothing of each other.
//
// Guarantees. Errors are gRPC statuses with a reason (connector.Reason), and with a violation for each key or check at
// fault. No answer shows a secret, unless the worker may reveal it and the caller asks. Calls to one worker that change
// a connector do not overtake each other. All methods may be called by any goroutine.
package api
