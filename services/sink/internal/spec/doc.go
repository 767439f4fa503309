// Package spec is the configuration of a sink connector.
//
// Model. Keys declares every key with its aliases, type, default, documentation, what a change
// of it leads to, and the field that it fills; Parse fills one typed Spec, which nobody changes
// afterwards, and works out what several keys say together (derive.go).
// Modes are types (Mode, ValuesCheck), not strings.
//
// Guarantees. Parse asks nobody and has no side effects. What it refuses, it refuses with the key's
// name; what a key cannot do is a warning of the Spec, never passed over in silence. No secret is
// part of an error or a warning.
//
// Callers are the parts of the sink: the plugin, and whatever acts on a key. Nothing in it knows of
// tasks, tables that exist, or brokers.
package spec
