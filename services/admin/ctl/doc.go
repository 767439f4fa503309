// Package ctl is the command line of Calypso, calypsoctl: what admin offers over gRPC, for people and for scripts.
//
// Model. Every command calls admin and prints a table for people, or with --output json the
// service's answer, and ends with a status that scripts can branch on (see Exit). Only probe asks
// no admin: it tries out the user's own services.
package ctl
