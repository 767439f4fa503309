package poll

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/debezium"
)

// Class is the connector class that configurations name: that of Confluent's connector.
const Class = "io.confluent.connect.jdbc.JdbcSourceConnector"

// Options are what the plugin's tasks run with.
type Options struct {
	// AtLeastOnce does without Kafka transactions even where the broker has them.
	AtLeastOnce bool
	// Report makes the receiver of a task's reports.
	Report func(connector.TaskEnv) Report
}

// Report receives what a task does, for those who watch its connector. The task calls it from one
// goroutine.
type Report interface {
	// Connecting says that a session begins.
	Connecting()
	// Polling says that the session polls, and what.
	Polling(what string)
	// Delivered says that rows are durable, and whether in a transaction.
	Delivered(rows int, exactlyOnce bool)
	// Retrying says that a session failed and another one follows.
	Retrying(err error)
	// Failed says that the task failed.
	Failed(err error)
	// Ended is called last.
	Ended()
}

// Plugin makes the connector class.
func Plugin(o Options) (connector.Plugin, error) {
	keys, err := newCatalogue()
	if err != nil {
		return connector.Plugin{}, fmt.Errorf("declare the keys of polling connectors: %w", err)
	}
	return connector.Plugin{
		Class:     Class,
		Aliases:   []string{"JdbcSourceConnector", "JdbcSource", "calypso.capture.PollingConnector"},
		Type:      connector.Source,
		Version:   debezium.CompatibleVersion,
		Catalogue: keys,
		Tasks: func(v catalogue.Values) (int, error) {
			_, err := parse(v)
			return 1, err
		},
		Check: check,
		Topics: func(v catalogue.Values) connector.UsedTopics {
			s, err := parse(v)
			if err != nil { // Tasks reports it
				return connector.UsedTopics{}
			}
			return connector.UsedTopics{Prefix: s.prefix}
		},
		Repeats: []string{"Rows after the position, without offsets all rows of the tables, are read and come into their topics again; Azure Data Explorer tables to which they are appended then hold them twice."},
		NewTask: func(env connector.TaskEnv, v catalogue.Values) (connector.Task, error) {
			return newTask(env, v, o)
		},
	}, nil
}
