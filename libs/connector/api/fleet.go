package api

import (
	"context"
	"log/slog"
	"strings"
	"sync"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/classes"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/connector/store"
)

// fleet is what every call works on: the connectors of one fleet, whichever worker runs them. What
// a call changes is appended to the config topic, and the owner acts on it.
type fleet struct {
	config  runtime.Config
	logger  *slog.Logger
	store   *store.Store
	classes *classes.Classes
	// changing is held while a call reads a configuration and appends what follows from it, so that
	// calls to one worker do not overtake each other. Of calls to different workers at the same
	// moment, the later one in the topic counts.
	changing sync.Mutex
}

// ours finds a connector of this fleet.
func (f *fleet) ours(name string) (state.Connector, connector.Plugin, error) {
	if err := f.store.Usable(); err != nil {
		return state.Connector{}, connector.Plugin{}, storeUnavailable(err)
	}
	c, ok := f.store.Known.Connector(name)
	if !ok {
		return state.Connector{}, connector.Plugin{}, connectorNotFound(name)
	}
	plugin, ok := f.classes.Of(c.Config)
	if !ok {
		return state.Connector{}, connector.Plugin{}, connectorNotFound(name)
	}
	return c, plugin, nil
}

// append writes records about a connector to one of the topics; see store.Append.
func (f *fleet) append(ctx context.Context, topic, name string, entries ...state.Entry) error {
	if err := f.store.Append(ctx, topic, name, entries...); err != nil {
		return storeUnavailable(err)
	}
	return nil
}

// warn logs what was accepted but deserves attention, since Kafka Connect's answers have no place
// for it.
func (f *fleet) warn(name string, warnings []catalogue.Problem) {
	for _, warning := range warnings {
		// Bound by With, since a message that was logged a moment ago with the same bound attributes is
		// suppressed.
		f.logger.With("connector", name, "key", warning.Key).Warn("connector configuration", "warning", warning.Message)
	}
}

func messages(problems []catalogue.Problem) []string {
	var texts []string
	for _, problem := range problems {
		texts = append(texts, strings.ToValidUTF8(problem.Message, "\uFFFD"))
	}
	return texts
}
