// Package stream turns the replication stream into batches.
//
// Model. A Reader takes the messages of a stream one by one and fills the open batch of a buffer
// with what they become: the records of a change, the BEGIN and END of a transaction, logical
// messages. With each it moves the batch's position. Heartbeats fill the same batches between
// transactions.
//
// Guarantees. The identity of a change is the LSN of its transaction's commit and its number in it
// (transaction.go, which is pure): a stream that goes on at a position repeats nothing before it
// and leaves out nothing after it, even within a transaction. While no transaction is open the
// position follows the end of the server's log, so that an idle table holds no log back; the
// checkpoint moves first and the slot after it. A change costs no allocation from the wire to the
// record. A reader without room stops reading the socket.
//
// Who may call. Run is one goroutine, the only one that encodes changes; Heartbeats have one of
// their own. Everything that touches a batch does so between Fill and Unlock of the buffer.
package stream
