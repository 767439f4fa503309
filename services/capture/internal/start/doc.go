// Package start decides how a session of a capture begins: where its stream goes on, which snapshot
// it reads first, or why it may do neither.
//
// Model. Facts are what somebody has found out: the configuration's modes, the last durable
// position, the slot, the server's system identifier and timeline. Decide makes a Plan of them. Two
// smaller decisions come before it, since what it looks at depends on them: Standby (may this
// server be captured from at all?) and ChoosePlugin (which output plugin reads the slot?). Joining
// is for tables that are added to a running capture.
//
// Guarantees. Nothing here does I/O or looks at a clock: the same facts give the same plan. A plan
// never passes over changes that the configuration does not give up by name (snapshot.mode,
// offset.mismatch.strategy); what it gives up it says, so that the caller can tell it. A slot that
// is missing, lost, ahead of the position, of another server or of another history is refused with
// a pgrepl.Reason otherwise.
//
// Who may call. The capture's session, which gathers the facts before and acts on the plan after.
// All functions are safe for concurrent use.
package start
