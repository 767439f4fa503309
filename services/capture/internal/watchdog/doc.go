// Package watchdog reports calls to other servers that take long.
//
// Model. A call may take as long as the server needs. Where it takes longer than a limit, that is
// reported, and reported again once the call has succeeded.
//
// Guarantees. The last report is true: success is reported after the call, never before.
//
// Who may call. Run is safe for concurrent use.
package watchdog
