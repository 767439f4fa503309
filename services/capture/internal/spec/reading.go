package spec

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// reading is a Spec on the way from a configuration. What a key says by itself it says to the Spec; what several keys
// say together goes into the other fields first.
type reading struct {
	Spec
	framework catalogue.Source

	// entra has access tokens taken for the password.
	entra bool
	// pluginGiven, failoverGiven and skippedGiven tell Debezium's defaults from what somebody has said.
	pluginGiven, failoverGiven, skippedGiven bool
	// othersFlush says that somebody else confirms positions.
	othersFlush bool
	// based are the parts of snapshot.mode=configuration_based.
	based struct{ reads, readsLost, streams bool }
	// overridden are the tables that Snapshot.Overrides must have.
	overridden []string

	signalChannels, notificationChannels []string
	signalTopic, notificationTopic       string

	batchEvents, queueBytes int

	// declared are the keys, for faults that show only when several are looked at.
	declared []catalogue.Key
}

// nameOf is the name of the key that fills a variable of r.
func (r *reading) nameOf(into any) string { return catalogue.Filling(r.declared, into).Name }

// fault is a fault of the key that fills a variable of r.
func (r *reading) fault(into any, format string, args ...any) error {
	key := r.nameOf(into)
	return catalogue.Problemf(key, "%s: %w", key, fmt.Errorf(format, args...))
}

// placed is a key that debezium declares, at its place among the others.
type placed func(into any) catalogue.Key

// debeziumBatchSize is Debezium's default of max.batch.size, which configurations repeat without
// wanting small transactions.
const debeziumBatchSize = 2048
