// Package testenv runs the real servers that tests and benchmarks need: a private PostgreSQL cluster, an Apache Kafka
// broker, the services' own binaries, and TCP proxies that break connections on purpose.
//
// Model. Each Start function starts one server as a child process on free ports of 127.0.0.1, with
// its data in a new directory, and returns when it answers. Stop and Kill end it and keep its data,
// Start brings it back on the same ports, Close ends it and removes the data. The functions that
// take a testing.TB do the same for one test and close by t.Cleanup; they skip the test, saying
// what is missing, on a machine that cannot run the server. A machine that must be able to, as CI
// is, sets CALYPSO_TEST_REQUIRE to a comma list of "postgres" and "kafka": what is missing then
// fails.
//
// Children die with the process that started them on Linux, so that an interrupted test leaves nothing behind.
package testenv
