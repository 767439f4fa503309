// Package azstorage serves the part of Azure Storage through which the Azure Data Explorer SDKs hand over queued
// ingestion: block blobs (the data), queue messages (the requests to ingest and the reports about them) and table
// entities (the statuses a client polls).
//
// Model: one Handler answers all three services on one host. Azure tells them apart by host name; here the first path
// segment decides, which every SDK accepts because it takes the resource's whole URL from `.get ingestion resources`:
//
//	/<container>/<blob>          blobs, kept as files in a directory
//	/<account>/<queue>/messages  queues, kept by the Queues given
//	/<table>(…)                  tables, kept by the Entities given
//
// Guarantees: an answer of 201 means that the bytes are on disk (file and directory synced, or the transaction of the
// given store committed). Every request must carry a shared access signature made by the same Signer.
package azstorage
