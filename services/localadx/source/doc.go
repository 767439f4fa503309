// Package source loads sources into tables: it finds a source's bytes, picks the mapping that the request names, and
// runs the rows into an ingestion of the store. Queued, streaming and inline ingestion all come here.
package source
