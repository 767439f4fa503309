// Package checks judges pipelines: from what the services say, it makes named checks, and from the
// checks one verdict.
package checks
