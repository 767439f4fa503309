// Package store keeps the databases of localadx in one DuckDB file: schema, rows, extents, queued requests to ingest
// and reports about them.
//
// Model. A Catalog is an immutable snapshot of all databases: readers take the current one and keep it as long as they
// like; a change of schema makes a new one. Rows of a table live in one DuckDB table with two hidden columns,
// $extent (the extent's number) and $ingested (the time in ticks); no Kusto name can hold a dollar sign. Everything
// that must change together changes in one DuckDB transaction: rows, their extent, the queue messages they came from
// and the reports about them.
//
// Guarantees. What a call has confirmed survives kill -9 (DuckDB syncs its log at commit). A table has one writer at a
// time; readers are never blocked and never see part of an ingestion. An ingest-by tag is checked under the writer's
// lock, so of any number of ingestions guarded by one tag exactly one adds rows.
package store
