// Package start decides how a session of a capture begins: where its stream goes on, which snapshot
// it reads first, or why it may do neither.
//
// Model. Facts are what the caller has found out: the configuration's modes, the last durable
// position, the slot, the server's system identifier and timeline. Decide makes a Plan from them.
// Two smaller decisions come first, since the facts depend on them: Standby (may this server be
// captured from at all?) and ChoosePlugin (which output plugin reads the slot?). Joining is for
// tables that are added to a running capture.
//
// Guarantees. Nothing here does I/O or looks at a clock: the same facts give the same plan. A plan
// never skips changes unless the configuration explicitly gives them up (snapshot.mode,
// offset.mismatch.strategy); what it gives up is in the plan, so that the caller can report it.
// Otherwise a slot that is missing, lost, ahead of the position, of another server or of another
// history is refused with a pgrepl.Reason.
//
// Who may call. The capture's session, which gathers the facts before and acts on the plan after.
// All functions are safe for concurrent use.
package start
