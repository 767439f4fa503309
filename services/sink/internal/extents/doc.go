// Package extents finds out from the tags of tables' extents which records of a topic the tables
// have.
//
// Model. A batch is ingested under a tag that names its records (see ingest). ADX keeps the tag with
// the extent of the batch, and with those that it is merged into, as long as the table's
// extent_tags_retention policy says (tags.retention).
//
// Guarantee. What a tag names is in the table, unless the extent was dropped. Nothing is known
// about records that no tag names: their tag may have been removed, their rows refused, or their
// batch may still be queued.
//
// Callers are membership, for partitions without an offset, and the sink's service.
package extents
