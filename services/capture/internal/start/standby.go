package start

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// errPromotion makes an error pass: a connector with a position finds a standby that it cannot go
// on from, and waits for its promotion.
const errPromotion = retry.Passing("if the standby is being promoted, the connector goes on with it")

// Standby returns why a server that is a standby cannot be streamed from; nil if it can. A standby
// without the slot of a connector that has a position may be about to become the primary that has
// the slot, so such an error passes.
func Standby(server pgrepl.Server, f Facts) error {
	if !server.InRecovery || !f.Mode.Streams {
		return nil
	}
	err := server.CheckStandby(f.Slot)
	if f.Saved == nil {
		return err
	}
	if err == nil && f.Slot == nil {
		_, err = pgrepl.Resume(f.Want, nil, f.System, nil, f.Saved.At)
	}
	if err != nil {
		err = fmt.Errorf("%w; %w", err, errPromotion)
	}
	return err
}
