// Package stack runs the whole pipeline for a test or a benchmark: PostgreSQL, Apache Kafka, localadx and Calypso's
// services, each a process of its own, on free ports and with data of their own.
package stack
