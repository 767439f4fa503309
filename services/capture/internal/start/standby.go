package start

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// errPromotion is what a connector that has come somewhere waits for where it finds a standby that it cannot go on at.
const errPromotion = retry.Passing("if the standby is being promoted, the connector goes on with it")

// Standby returns why a server cannot be streamed from since it is a standby; nil if it can. One
// without the slot of a connector that has come somewhere may be on its way to be the primary,
// which has the slot: such an error passes.
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
