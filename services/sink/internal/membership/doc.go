// Package membership is a task's membership of its consumer group.
//
// Model. A Membership begins with Join and ends with Leave; a task that must read a topic from its
// beginning, since it was recreated, leaves and joins again. The group assigns partitions to it and
// revokes them: an assigned partition begins where the group's last commit of it ended, with the
// batches that are recorded there, and a revoked one is given back when its batches under way have
// ended, or have had their time. A note of which partitions a group has committed is kept
// elsewhere, so that offsets which the brokers have lost are told from those that never were.
//
// Guarantees. A partition is read from where it is known to continue, or not at all. What is
// recorded with its offset is sent again under the same names. Partitions of one membership are
// committed by it alone, and no longer once it has left.
//
// Callers are a task, which joins and leaves, and its poll loop, for the partitions.
package membership
