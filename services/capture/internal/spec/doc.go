// Package spec is the configuration of a connector that captures by logical replication: which keys
// there are, what follows from changing them, and what they say, as types.
//
// Model. Catalogue declares the keys: names, types, defaults, words of the documentation and
// consequences. Parse reads values that the catalogue has checked into a Spec. Nothing else reads
// them: a mode is an enumeration, a list of tables a filter, and what several keys say together
// (snapshot.mode=configuration_based, flush.lsn.source with lsn.flush.mode) is one field. The
// consequences of a change are worked out from the same functions, so that they cannot say
// something else than what the connector does.
//
// Guarantees. The package does no I/O, and a Spec does not change once it is parsed. Errors name their key.
//
// Parse may be called by anybody who has a connector's values: the plugin, its tasks, its checks,
// comparisons, and the watch of slots whose connectors do not run.
package spec
