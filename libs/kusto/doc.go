// Package kusto reaches Azure Data Explorer (ADX, also called Kusto) and what speaks its protocols: Fabric Eventhouse,
// the Kusto emulator, localadx.
//
// Model. A Client talks to one cluster through azure-kusto-go: management commands and queries to the engine endpoint,
// queued ingestion to the data management endpoint. It adds what a sink needs and the SDK lacks: endpoints derived from
// either of the two, a list of hosts that may be given credentials, errors that keep the service's code and its word on
// whether trying again can help, contexts that end the call, and secrets that never reach an error.
//
// The rest is knowledge without connections: names and their quoting, column types, table schemas, ingestion mappings.
package kusto
