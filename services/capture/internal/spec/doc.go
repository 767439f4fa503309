// Package spec is the configuration of a connector that captures by logical replication: which keys
// there are, what follows from changing them, and what they say, as types.
//
// Model. The keys are declared in the order and words of Debezium (keys_*.go, and package debezium
// for those that shape events), each with the field that it fills; those that Debezium does not have
// come after its own of the same group, whose keys forms number. A reading is a Spec in the
// making: Parse fills its fields, and derive.go derives what depends on several keys
// (snapshot.mode=configuration_based, flush.lsn.source with lsn.flush.mode). Nothing else reads
// values: a mode is an enumeration, a list of tables is a filter. The consequences of a change are
// conditions on the Spec before and after it, so that they cannot differ from what the connector
// does.
//
// Guarantees. The package does no I/O, and a Spec does not change once it is parsed. Errors name their key.
//
// Parse may be called by anybody who has a connector's values: the plugin, its tasks, its checks,
// comparisons, and the watch of slots whose connectors do not run.
package spec
