// Package rest serves the HTTP protocol of Azure Data Explorer: queries (v1 and v2), management commands, streaming
// ingestion and the REST form of queued ingestion.
//
// The v2 answer has two dialects and a client's options choose: the Go SDK reads fragmented tables, one frame a line
// and properties in a fixed order; the Java, Node and Python SDKs read whole tables. Errors that come before the first
// byte of an answer are HTTP errors with Kusto's body; later ones end the answer in the way its dialect has for them.
package rest
