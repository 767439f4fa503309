// Package probe tries on a user's own services what Calypso takes for true of them and could not be
// verified: by small experiments in names of their own, which are removed at the end.
//
// Model. A probe of a service is a list of experiments. Each becomes a Finding: what Calypso
// expects, what was seen, and what follows. An experiment that cannot be made says why and stops no
// other. Findings are data; Report writes them.
package probe
