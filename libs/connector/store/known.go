package store

import (
	"sync"

	"github.com/calypso-cdc/calypso/libs/connector/state"
)

// Known is what the config and status topics say, as far as they were read.
type Known struct {
	mu   sync.Mutex
	view *state.View
}

// Connector finds a connector.
func (k *Known) Connector(name string) (state.Connector, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view.Connector(name)
}

// History returns the earlier configurations of a connector by the keys of their records.
func (k *Known) History(name string) map[string]state.ConfigRecord {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view.History(name)
}

// Connectors returns the connectors without their statuses, unsorted.
func (k *Known) Connectors() []state.Connector {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view.All()
}

// StatusesOf returns the statuses of a connector, which may no longer exist.
func (k *Known) StatusesOf(name string) state.Statuses {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view.Statuses(name)
}

// AllStatuses returns the statuses of all connectors by name, also of those that no longer exist.
func (k *Known) AllStatuses() map[string]state.Statuses {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view.AllStatuses()
}

// UsedTopics returns the topics that connectors read and write, sorted.
func (k *Known) UsedTopics() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view.UsedTopics()
}
