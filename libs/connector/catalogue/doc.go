// Package catalogue declares configuration keys once: name, aliases, type, default, importance, documentation,
// secrecy, what a change leads to, and the variable that the value fills. Validation, Kafka Connect's validate answer,
// plans, the reference page and the masking of secrets all follow from the declaration, and so does the reading.
//
// Model. Keys and values are strings, as in Kafka Connect. A connector has a type for its settings, with a method that
// returns its keys; each key says which field of the settings it fills, by a Target (Text, Flag, OneOf …).
// New makes a Catalogue of the keys of a first, empty value; Parse checks a configuration and gives Values; Fill fills
// the fields of another value from them. No key is read by its name, and no default is written twice.
//
// Guarantees. If a declaration contradicts the field that it fills, New returns an error, which any
// test of the connector meets. Errors of values are Problems, which carry their key. A Catalogue
// does not change after New and may be shared.
package catalogue
