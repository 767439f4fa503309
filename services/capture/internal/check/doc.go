// Package check looks at a PostgreSQL source before a connector starts.
//
// Model. A list of connector.Check: what was looked at, what was found, and what to do about it.
//
// Guarantees. Nothing is changed on the server. What a start would refuse is found here first, with
// the same reason and remedy, as far as that is possible without starting.
//
// Who may call. The plugin, for the runtime's check of a configuration; it is safe for concurrent use.
package check
