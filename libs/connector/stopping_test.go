package connector_test

import (
	"fmt"
	"strings"
	"testing"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

func TestATaskThatIsSlowToStopSaysWhatItWaitsFor(t *testing.T) {
	b := newBoard()
	b.linger.Add(1)
	w := startReadyWorker(t, broker(t), b, connector.Source, "w1:1")
	create(t, w, "a", "behaviour", "linger")
	awaitStates(t, w, "a", "RUNNING RUNNING")
	if _, err := w.StopConnector(t.Context(), &connectorv1.StopConnectorRequest{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the event is listed", func() error {
		r, err := w.ListEvents(t.Context(), &connectorv1.ListEventsRequest{Connectors: []string{"a"}})
		if err != nil {
			return err
		}
		for _, e := range r.Events {
			if e.Action == "StopWaits" && strings.Contains(e.Detail, "task 0 was told to stop") &&
				strings.Contains(e.Detail, "waits for its last batch") {
				return nil
			}
		}
		return fmt.Errorf("events are %v", r.Events)
	})
	b.linger.Done()
}
