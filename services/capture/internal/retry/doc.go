// Package retry runs a connector's sessions: attempts that each connect, take up what the last one
// made durable, and work until something fails. It owns the decision whether another one follows.
//
// Model. Waiting ends a failure (the server restarts, the broker is away, the slot is not free
// yet), or it does not. What an error says of itself decides first: [ErrPermanent], [ErrFenced] and
// [Passing]; then its reason, if it is one of pgrepl's; then whether it comes from the network or
// is one of Kafka's that a client may retry.
//
// Guarantee. Nothing passes from one session to the next but what is durable outside the process,
// so a session after a failure and one after kill -9 are the same.
//
// The sink has a package of the same name, and the two are not one on purpose. Here a whole session
// begins again, since a replication connection and a Kafka transaction cannot be taken up in the
// middle, and an error that nobody has judged ends the task: going on after it might skip changes. A
// sink repeats single calls, of which its partitions make many at once, and an error that nobody has
// judged is an outage that it waits for: nothing is lost meanwhile, since the records stay in Kafka.
//
// A connector's task calls Sessions once, from the goroutine that runs it; what judges errors is
// safe for concurrent use.
package retry
