package idle_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/services/capture/internal/idle"
	"github.com/calypso-cdc/calypso/services/capture/internal/poll"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// fleet has one connector that polls and does not run.
type fleet struct{ plugin connector.Plugin }

func (fleet) Idle() []string { return []string{"polls"} }

func (f fleet) Environment(string) (connector.TaskEnv, catalogue.Values, error) {
	values, _, _ := f.plugin.Catalogue.Parse(map[string]string{"name": "polls", "connector.class": f.plugin.Aliases[0],
		"connection.url": "jdbc:postgresql://h/d", "mode": "bulk", "topic.prefix": "p"})
	return connector.TaskEnv{}, values, nil
}

func (f fleet) Class(string) (string, error) { return f.plugin.Class, nil }

func TestAPollingConnectorIsNoCaptureByWhateverNameItsClassIsGiven(t *testing.T) {
	plugin, err := poll.Plugin(poll.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	registry := status.NewRegistry()
	idle.Watch{Registry: registry, Fleet: fleet{plugin}, Logger: slog.New(slog.NewTextHandler(&log,
		nil))}.Look(t.Context())
	if registry.Find("polls") != nil || log.Len() > 0 {
		t.Errorf("a connector without a slot is watched: %s", log.String())
	}
}
