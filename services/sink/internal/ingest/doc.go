// Package ingest brings batches into tables.
//
// Model. An Ingester sends a closed batch, streamed or queued or within a command, and waits for
// its end. libs/kusto says what an answer means (Verdict), and what follows is decided only here:
// the batch is sent again under the same tag, queued instead of streamed, searched for the rows at
// fault, or given up with what the user must change.
//
// Guarantees. Deliver returns nil only when each row of the batch is in its table or set aside. A
// batch has the same tag whenever it is sent. Two attempts under one tag are not under way at once
// as far as that can be known, and where it cannot, the table is looked at afterwards.
//
// Callers are partitions, each delivery in a goroutine of its own, and replays of dead letters.
package ingest
