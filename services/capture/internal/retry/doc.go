// Package retry runs a connector's sessions: attempts that each connect, continue from what the
// last one made durable, and work until something fails. It decides whether another one follows.
//
// Model. Waiting ends a failure (the server restarts, the broker is away, the slot is not free
// yet), or it does not. The error's own type decides first: [ErrPermanent], [ErrFenced] and
// [Passing]; then its reason, if it is one of pgrepl's; then whether it comes from the network or
// is an error of Kafka's that a client may retry.
//
// Guarantee. Nothing passes from one session to the next but what is durable outside the process,
// so a session after a failure and one after kill -9 are the same.
//
// The sink has a package of the same name, and the two are not one on purpose. Here a whole session
// begins again, since a replication connection and a Kafka transaction cannot be resumed in the
// middle, and an error that no rule covers ends the task: continuing after it might skip changes. A
// sink repeats single calls, many of which its partitions make at once, and it takes an error that
// no rule covers for an outage that it waits out: nothing is lost meanwhile, since the records stay
// in Kafka.
//
// A connector's task calls Sessions once, from the goroutine that runs it; the functions that
// classify errors are safe for concurrent use.
package retry
