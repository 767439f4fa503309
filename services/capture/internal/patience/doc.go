// Package patience tells of what another server takes long for.
//
// Model. Something is asked of a server that may take as long as it needs. Where it takes longer
// than a patience, that is told, and told again when it has come to a good end.
//
// Guarantees. What is told last is true: the end is told after the wait, never before.
//
// Who may call. Run is safe for concurrent use.
package patience
