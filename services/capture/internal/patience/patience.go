package patience

import (
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
)

// Tell says what is told.
type Tell struct {
	// Waits tells that it takes long, in a goroutine of its own, Ends that it has come to a good end since.
	Waits, Ends func()
	// Untold is told what Waits failed with.
	Untold func(error)
}

// Run does what another server has to do, and tells where it takes longer than a time.
func Run(longest time.Duration, do func() error, tell Tell) error {
	told := make(chan struct{})
	waits := func() {
		defer close(told)
		contain.Run("notice", tell.Waits, tell.Untold)
	}
	slow := time.AfterFunc(longest, waits)
	err := do()
	if !slow.Stop() {
		<-told
		if err == nil {
			tell.Ends()
		}
	}
	return err
}
