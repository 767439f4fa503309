// Package ctl is the command line of Calypso, calypsoctl: what admin offers over gRPC, for people and for scripts.
//
// Every command prints a table for people, or with --output json what the service answered, and ends with a status that
// scripts can branch on (see Exit).
package ctl
