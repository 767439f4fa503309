// Package probe verifies on a user's own services what Calypso assumes about them and could not be
// verified before, by small experiments on objects with names of their own, which are removed at
// the end.
//
// Model. A probe of a service is a list of experiments. Each becomes a Finding: what Calypso
// expects, what was seen, and what follows. An experiment that cannot be made says why and does not
// stop the others. Findings are data; Report writes them.
package probe
