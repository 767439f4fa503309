// Package digestapi answers TableService: it reads the tables of connectors for comparisons, as digests.
//
// Model. A caller opens the tables of one connector in a stream and then asks for extents, digests, rows and versions,
// one answer a request. A fleet says how a connector of each of its classes is opened (Open); any of its workers reads
// any connector's tables, with the connector's own credentials.
//
// Guarantees. At most a few callers read at the same time, whoever comes later is refused at once; what is opened is
// closed when the stream ends. Errors do not show the secrets of a configuration. NewServer and the server may be used
// by any goroutine.
package digestapi
