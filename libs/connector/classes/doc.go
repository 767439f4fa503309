// Package classes knows the connector classes of one fleet, and reads configurations of theirs.
//
// Model. A configuration selects a class (Of). One that comes from outside is validated: masks are replaced by what
// they stand for, references by what they refer to, each key is read by the class's catalogue, and the class says how
// many tasks it asks for and what the keys cannot say by themselves (Validate). One that was accepted before is Read:
// values that are refused today mean what they meant then.
//
// Guarantees. Problems name their key and show no secret. Nothing is connected to; resolving
// references reads files. Classes do not change once they are made, and may be used by any
// goroutine.
package classes
