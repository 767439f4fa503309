// Package watchdog reports calls to other servers that take long.
//
// Model. A call may take as long as the server needs. If it takes longer than a limit, that is
// reported, and so is its success later.
//
// Guarantees. The last report is true: success is reported after the call, never before.
//
// Who may call. Run is safe for concurrent use.
package watchdog
