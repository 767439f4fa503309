package spec

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// reading is a Spec in the making. A key that means something by itself fills a field of the Spec;
// keys that mean something only together fill the other fields, from which derive.go completes the
// Spec.
type reading struct {
	Spec
	framework catalogue.Source

	// entra is true if access tokens of Microsoft Entra ID are used as the password.
	entra bool
	// pluginGiven, failoverGiven and skippedGiven are true if the configuration has the key, so that
	// its value is not Debezium's default.
	pluginGiven, failoverGiven, skippedGiven bool
	// othersFlush is true if something other than this connector confirms positions.
	othersFlush bool
	// based are the parts of snapshot.mode=configuration_based.
	based struct{ reads, readsLost, streams bool }
	// overridden are the tables that Snapshot.Overrides must have.
	overridden []string

	signalChannels, notificationChannels []string
	signalTopic, notificationTopic       string

	batchEvents, queueBytes int

	// declared are the keys; faults that show only when several are looked at take the key's name from
	// there.
	declared []catalogue.Key
}

// nameOf is the name of the key that fills a variable of r.
func (r *reading) nameOf(into any) string { return catalogue.Filling(r.declared, into).Name }

// fault returns a fault of the key that fills a variable of r.
func (r *reading) fault(into any, format string, args ...any) error {
	key := r.nameOf(into)
	return catalogue.Problemf(key, "%s: %w", key, fmt.Errorf(format, args...))
}

// placed returns the key that package debezium declares for a variable, to be put in its place
// among the others.
type placed func(into any) catalogue.Key

// debeziumBatchSize is Debezium's default of max.batch.size. It stands for our own default size,
// since configurations repeat it without wanting small transactions.
const debeziumBatchSize = 2048
