// Package crash finds out which task ended the worker's process, so that it is not started again and again.
//
// Model. A Journal, in a directory that outlives the process, reads what the process before has left:
// the text of its crash, which names the run at fault if a goroutine of that run crashed; or a last
// reading of its memory, which shows whether the kernel ended it for lack of memory and which task
// held most. A run that ended the process twice within an hour is quarantined until somebody
// restarts it; if nobody can be blamed, tasks start one by one, each watched for a while, so that
// the next crash has a name.
//
// Guarantees. A process that is killed, or told to end, blames nobody. The files are not synchronised with the disk:
// they outlive the process, not the machine. A Journal may be used by any goroutine once it is open.
package crash
