// Package faults is the matrix of what goes wrong in a pipeline and what operators are told about it: for
// each fault how it is caused, the table that it makes late, where its changes are held, the check that
// says why, words of the cause and of the remedy, and how it ends.
//
// Each fault is caused on the real stack, with PostgreSQL, Apache Kafka, localadx and Calypso's services
// as processes. What belongs to one pipeline runs beside the others, each in a pipeline of its own,
// so that a fault of one must not be told of another; what belongs to all runs after them.
//
// Every pipeline has a second, idle table, which must never be late. What admin's API says,
// calypsoctl must print, the page must show in a real browser, and the metrics must count. Prometheus
// and Alertmanager run beside it all with the rules of deploy/observability, and exactly the alerts
// that name the fault must be sent, and end; and each query of the dashboards must have an answer.
package faults
