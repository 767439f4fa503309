// Package kafka is what services need of Kafka besides the client franz-go: how to reach brokers,
// how the brokers of other services differ from Apache Kafka's, and operations that must be right
// everywhere.
//
// Model. Config declares brokers, TLS and SASL once, as settings of a service (see package config),
// and turns them into options for clients; FromProperties does the same for the properties of Java
// clients in a connector's configuration. Produce writes and waits; Writer writes records of any
// size; ReadUntil reads up to an end that compaction may have moved. Reach, Restrictions, Rights
// and TopicLimits find out what a cluster and a user can do before anything depends on it.
//
// Guarantees. Errors say what answered in a broker's place (see package banner). The last record of
// each key that Produce writes stays the last, although records may be written twice.
//
// Both stages, the runtime and admin call it; it knows nothing of connectors.
package kafka
