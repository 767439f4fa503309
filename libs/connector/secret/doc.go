// Package secret keeps the secrets of configurations from being shown.
//
// Model. A configuration holds a secret as a literal, or better as a reference such as
// ${file:/path:key} to what a worker reads when it needs it (References). Every answer shows a
// literal secret as a mask, and a reference as it stands (Masked); a mask that comes back in a
// configuration means "as it was" (Unmasked). A task is given the values themselves: Values are the
// texts that must then not be shown, and Hide removes them from an error, a trace or an event; a
// Handler removes them from lines of the log.
//
// Guarantees. References read only what the worker's settings allow, wherever links lead. An error
// about a reference quotes the reference and never what it stands for. The package keeps no state:
// all of it may be called by any goroutine.
package secret
