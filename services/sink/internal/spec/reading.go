package spec

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// reading is a Spec on the way from a configuration. What a key says by itself it says to the Spec; what several keys
// say together goes into the other fields first.
type reading struct {
	Spec
	framework catalogue.Sink

	ingestionURL, queryURL string
	proxyHost              string
	proxyPort              int
	behavior               behavior
	// limitGiven says that somebody has set a limit to outages, and that it is not the default that counts.
	limitGiven bool
	// deadClient is what is set under deadPrefix, deadTopic and deadBrokers among it.
	deadClient             map[string]string
	deadTopic, deadBrokers string
	// added are the names of metadata.columns.
	added []string

	// declared are the keys, for faults that show only when several are looked at.
	declared []catalogue.Key
}

// behavior is behavior.on.error.
type behavior string

const (
	failOnError  behavior = "FAIL"
	logErrors    behavior = "LOG"
	ignoreErrors behavior = "IGNORE"
)

// deadPrefix begins the keys of brokers of their own for dead letters.
const deadPrefix = "misc.deadletterqueue."

// nameOf is the name of the key that fills a variable of r.
func (r *reading) nameOf(into any) string { return catalogue.Filling(r.declared, into).Name }

// fault is a fault of the key that fills a variable of r.
func (r *reading) fault(into any, format string, args ...any) error {
	key := r.nameOf(into)
	return catalogue.Problemf(key, "%s: %w", key, fmt.Errorf(format, args...))
}
