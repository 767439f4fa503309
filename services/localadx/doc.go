// Package localadx is an Azure Data Explorer for one machine: a server that speaks ADX's protocols for management,
// queries, streaming and queued ingestion to the unmodified Azure SDKs, and keeps its data in one DuckDB file.
//
// Model. A Server listens for http (the Kusto endpoints) and https (the same, and the storage services that queued
// ingestion needs, because the Go SDK takes storage URLs only with https). One process is the engine, the
// data-management service and the storage account. Packages below it, from the wire inwards: rest and azstorage
// (protocols), command and query, queued and source (ingestion), ingest (formats), store (data), kql and engine.
//
// Guarantees. What an answer has confirmed survives kill -9. It listens on loopback unless told otherwise. What it does
// not support is an error that says so, never an approximation; docs/localadx.md lists what it supports.
package localadx
