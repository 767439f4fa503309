// Package incremental reads tables in chunks while the stream goes on.
//
// Model. The method is the watermarks of DBLog (arXiv:2010.12597): a mark is written, a chunk of
// rows is read, another mark is written; when the stream has passed both marks, the rows of the
// chunk whose keys did not change between them are delivered. Signals request tables, and stop,
// pause and resume: rows of the signal table, records of the signal topic, and calls. The progress,
// a progress.Incremental, is part of the checkpoint.
//
// Guarantees. A row that was read never comes after a newer change of it that comes under the name of
// the table that is read; changes of children, where these have names of their own, are not noted.
// Every row that exists
// when a table is requested, and stays, comes once; rows that the key does not tell apart come in
// one chunk. After an interruption the chunk that was not delivered is read again.
//
// Who may call. Everything that takes a batch is called under the buffer's lock: the stream's
// reader passes on rows and marks; Request and Follow take the lock themselves. Run and Follow have
// a goroutine each.
//
// # How a chunk meets the stream
//
// Reader R is the stream's, under the buffer's lock; runner C is Run's goroutine with a connection of its own.
//
//	R: next                        the chunk is asked for under a new id
//	C: writes id-open              a transaction of its own, which the stream will bring
//	C: reads the chunk             a row that changes now may be read before or after the change
//	R: id-open                     the window opens: keys that change are noted from here on
//	R: a change of key 7           noted, and its event delivered
//	C: ready = chunk               before the second mark is written, so that R has the chunk when the mark comes
//	C: writes id-close
//	R: id-close                    the chunk's rows are delivered but for key 7, whose newer event is out; next
//
// A mark of another id means nothing: it is another session's, or of a chunk that was given up
// since its table was stopped.
package incremental
