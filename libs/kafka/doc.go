// Package kafka is what services need of Kafka besides the client franz-go: how to reach brokers,
// what brokers of other services than Apache's do otherwise, and the operations that must be right
// everywhere.
//
// Model. Config declares once, as settings of a service (see package config), brokers, TLS and
// SASL, and makes options for clients of them; FromProperties does so for the properties of Java's
// clients that a connector's configuration may give. Produce writes and waits; Writer writes
// records of any size; ReadUntil reads up to an end that compaction may have moved. Reach,
// Restrictions, Rights and TopicLimits find out what a cluster and a user can do before anything
// depends on it.
//
// Guarantees. What answers in a broker's place is named (see package banner). Of the records that
// Produce writes the last one of each key stays the last, though a record may be written twice.
//
// Both stages, the runtime and admin call it; it knows nothing of connectors.
package kafka
