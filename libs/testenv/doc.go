// Package testenv runs the real servers that tests and benchmarks need: a private PostgreSQL cluster, an Apache Kafka
// broker, the services' own binaries, and TCP proxies that break connections on purpose.
//
// Model. Each Start function starts one server as a child process on free ports of 127.0.0.1, with
// its data in a new directory, and returns when it answers. Stop and Kill end it and keep its data,
// Start brings it back on the same ports, Close ends it and removes the data. The functions that
// take a testing.TB do the same for one test and close by t.Cleanup; on a machine that cannot run
// the server they skip the test and say what is missing. A machine that must be able to, such as in
// CI, sets CALYPSO_TEST_REQUIRE to a comma-separated list of "postgres" and "kafka": then the test
// fails instead.
//
// Children die with the process that started them on Linux, so that an interrupted test leaves nothing behind.
package testenv
