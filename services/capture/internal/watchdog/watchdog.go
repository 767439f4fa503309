package watchdog

import (
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
)

// Reports are called while and after a call takes longer than its limit.
type Reports struct {
	// Slow reports that the call takes long, in a goroutine of its own.
	Slow func()
	// Succeeded reports that a call which was slow has succeeded since.
	Succeeded func()
	// Failed gets the panic of Slow as an error.
	Failed func(error)
}

// Run runs call, and reports if it takes longer than limit.
func Run(limit time.Duration, call func() error, reports Reports) error {
	reported := make(chan struct{})
	report := func() {
		defer close(reported)
		contain.Run("notice", reports.Slow, reports.Failed)
	}
	slow := time.AfterFunc(limit, report)
	err := call()
	if !slow.Stop() {
		<-reported
		if err == nil {
			reports.Succeeded()
		}
	}
	return err
}
