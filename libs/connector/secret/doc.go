// Package secret keeps the secrets of configurations out of what is shown.
//
// Model. A configuration holds a secret as a literal, or better as a reference such as ${file:/path:key} to what a
// worker reads when it needs it (References). Every answer shows a literal secret as a mask, and a reference as it
// stands (Masked); a mask that comes back in a configuration means "as it was" (Unmasked). A task is given the values
// themselves: Values are the texts that must then not be shown, and Hide takes them out of an error, a trace, an event
// or, by a Handler, of a line of the log.
//
// Guarantees. Nothing is referred to that the worker's settings do not allow, wherever links lead. An error about a
// reference quotes the reference and never what it stands for. The package keeps nothing: all of it may be called by
// any goroutine.
package secret
