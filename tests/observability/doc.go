// Command observability writes the files of alert rules in deploy/observability from one source,
// rules.go: for Prometheus, for the Prometheus Operator and for Azure Monitor (`make alerts`).
package main
