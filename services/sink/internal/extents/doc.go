// Package extents reads from the tags of tables' extents which records of a topic are in them.
//
// Model. A batch is ingested under a tag that names its records (see ingest). ADX keeps the tag with
// the extent of the batch, and with those that it is merged into, as long as the table's
// extent_tags_retention policy says (tags.retention).
//
// Guarantee. What a tag names is in the table, unless the extent was dropped. Of what no tag names
// nothing is known: its tag may have been removed, its rows refused, or its batch still be queued.
//
// Callers are membership, for partitions without an offset, and the sink's service.
package extents
