// Package checks judges pipelines: it makes named checks of what was asked of the services, and one
// verdict of the checks. It has no clock, no I/O and no locks; what it needs to know comes in a
// View.
package checks
