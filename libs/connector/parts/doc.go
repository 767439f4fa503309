// Package parts knows the transformations, predicates and converters that connectors run, with
// their keys, which packages transform and converter declare: those of Kafka Connect 4.3.1, Debezium
// 3.6.3 and Confluent, described in our words.
//
// A configuration names its parts by itself, and with them which keys there are: In gives those, so that they are
// checked, shown and missed like the keys that connectors declare.
package parts
