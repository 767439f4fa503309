package capture

import (
	"errors"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// Whoever asks for the state and whoever tells of a value that could not be converted, while its
// event is being encoded, would wait for each other for good.
func TestTheStateIsShownWhileAnEventIsEncodedAndWhatWasLostIsNotedMeanwhile(t *testing.T) {
	batches := buffer.New(pgrepl.Position{}, 10, 1000)
	c := status.NewCapture(connector.TaskEnv{Connector: "c"}, nil)
	c.Observe(status.Connected{})
	c.Observe(status.StreamBegan{Slot: "s", Counters: counters(new(pgrepl.Stream), batches)})
	encoded := batches.Fill()
	encoded.Events.Size = 7
	c.State() // would wait here for what is being encoded
	c.Observe(status.Unconverted{Kind: "conversion"})
	if err := c.Losses.Keep(status.Worked{Work: "a.b", Err: errors.New("no number")}); err != nil {
		t.Error(err)
	}
	batches.Unlock()
	if s := c.State(); s.Stream == nil || s.Stream.Bytes != 7 || len(s.Background) != 1 {
		t.Errorf("the state is %+v, want the bytes of the event and the loss", s)
	}
}
