// Package digestapi answers TableService: it reads the tables of connectors for comparisons, as digests.
//
// Model. A caller opens the tables of one connector in a stream and then asks for extents, digests,
// rows and versions, with one answer for each request. A fleet says how to open a connector of each
// of its classes (Open); any of its workers reads any connector's tables, with the connector's own
// credentials.
//
// Guarantees. Only a few callers can read at the same time, and others are refused at once;
// everything that was opened is closed when the stream ends. Errors do not show the secrets of a
// configuration. NewServer and the server may be used by any goroutine.
package digestapi
