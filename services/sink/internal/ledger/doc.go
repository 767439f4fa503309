// Package ledger is the state machine of one partition's batches: which offset ranges were cut,
// which of them are recorded, which are in the target, and up to where the partition may be
// committed. It has no I/O, clock or goroutine.
//
// Model. A cut is a range of offsets, the unit of ingestion. Cuts follow one another without a gap
// from the committed offset on. A cut is made once: it is recorded with the partition's committed
// offset (in the commit's metadata, so the group's own fencing protects it) before its rows are
// sent, and whoever reads the partition after a crash makes the same cuts again. The same cut
// always has the same name, so a target that knows names takes its rows once.
//
// A cut that the target refuses as a whole is split: its parts take its place, and are recorded
// before any of them is sent.
//
// Guarantee. The committed offset never passes a cut that is not done, and Close never closes a
// recorded cut anywhere but at its end.
package ledger
