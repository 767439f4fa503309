package capture

import (
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/services/capture/internal/metrics"
	"github.com/calypso-cdc/calypso/services/capture/internal/poll"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// pollingPlugin makes the connector class that polls. The registry shows its connectors alongside
// those that stream.
func pollingPlugin(o Options, m *metrics.Meters) (connector.Plugin, error) {
	return poll.Plugin(poll.Options{
		AtLeastOnce: o.Delivery == AtLeastOnce,
		Report: func(env connector.TaskEnv) poll.Report {
			shown := status.NewCapture(env, nil) // there is no slot to show
			o.Registry.captures.Put(shown)
			return pollReport{status: status.Observers{shown, m}, shown: shown, registry: o.Registry}
		},
	})
}

// pollReport turns the reports of a polling task into events of its status.
type pollReport struct {
	status   status.Observers
	shown    *status.Capture
	registry *Registry
}

func (r pollReport) Connecting()         { r.status.Observe(status.Connected{}) }
func (r pollReport) Polling(what string) { r.status.Observe(status.PollBegan{What: what}) }
func (r pollReport) Delivered(n int, exactlyOnce bool) {
	r.status.Observe(status.Polled{Rows: n, ExactlyOnce: exactlyOnce})
}
func (r pollReport) Retrying(err error) { r.status.Observe(status.SessionFailed{Err: err}) }
func (r pollReport) Failed(err error)   { r.status.Observe(status.TaskFailed{Err: err}) }
func (r pollReport) Ended()             { r.registry.captures.Remove(r.shown) }
