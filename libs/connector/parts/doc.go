// Package parts has the transformations, predicates and converters that connectors run, with their
// keys, which packages transform and converter declare: those of Kafka Connect 4.3.1, Debezium
// 3.6.3 and Confluent, described in our own words.
//
// Model. The parts that a configuration names determine which further keys it has: In adds those to
// the connector's catalogue, so that they are checked, shown and reported missing like the keys
// that connectors declare.
package parts
