// Package fetch is the poll loop of a sink's task.
//
// Model. A Loop fetches records for a membership and hands them to the goroutines of their
// partitions. It fetches when there is memory for more and partitions want some, as much as there
// is room for, and checks in between that the topics are still there.
//
// Guarantees. It never waits for a partition. A fetch that fails is reported and tried again until
// one succeeds; records that are gone stop their topic or the task, and are never passed over.
//
// The caller is a task, which runs one loop for each membership.
//
// # How a fetch and a rebalance meet
//
// The loop L polls; G is a goroutine of the client, in which the group calls back; T is the goroutine
// of a partition p. A poll that waits for records hinders nobody. It returns only when no rebalance is
// under way, with records or without, and from then on none begins until AllowRebalance.
//
//	L: PollFetches returns                 records of p; G has to wait
//	L: Find, Offer                         p is there, since nobody can revoke it now; L does not wait for T
//	L: AllowRebalance                      from here to the next poll, G may do anything
//	G: revoked(p)                          the client has thrown away what it had buffered of p: none comes any more
//	G: Stop                                T takes no more records, and has HandoverGrace for the batches under way,
//	                                       whose offsets it commits; a poll of L goes on waiting
//	G: Remove                              p is gone, and with it the memory of what nobody took
//	G: assigned(q)                         a new Partition begins where the group's commit of it ended
//	L: PollFetches                         waited for all of that
//
// So L must allow rebalances after every poll, and do nothing between the two that may take long:
// Offer does not wait, and topics are looked after only afterwards. What a membership no longer has,
// Find does not find, and its records are dropped: the next owner reads them again.
package fetch
