// Package kusto is a client of Azure Data Explorer (ADX, also called Kusto) and of servers that
// speak its protocols: Fabric Eventhouse, the Kusto emulator, localadx.
//
// Model. A Client talks to one cluster through azure-kusto-go: management commands and queries to
// the engine endpoint, queued ingestion to the data management endpoint. It adds what a sink needs
// and the SDK lacks: endpoints derived from either of the two, a list of hosts that may get
// credentials, errors that keep the service's code and tell whether trying again can help, contexts
// that end a call, and secrets that never get into an error.
//
// The rest needs no connection: names and their quoting, column types, table schemas, ingestion
// mappings.
package kusto
