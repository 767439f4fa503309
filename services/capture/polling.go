package capture

import (
	"context"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/services/capture/internal/poll"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// pollingPlugin makes the connector class that polls. The board shows its connectors beside those that stream.
func pollingPlugin(o Options, m *meters) (connector.Plugin, error) {
	return poll.Plugin(poll.Options{
		AtLeastOnce: o.Delivery == AtLeastOnce,
		Report: func(env connector.TaskEnv) poll.Report {
			return pollReport{board: o.Board.add(env, new(spec.Spec)), meters: m}
		},
	})
}

// pollReport brings what a polling task does to board and metrics.
type pollReport struct {
	board  *entry // without settings: there is no slot to show
	meters *meters
}

func (r pollReport) Connecting()                       { r.board.connecting() }
func (r pollReport) Polling(what string)               { r.board.idle("Polling " + what + ".") }
func (r pollReport) Delivered(n int, exactlyOnce bool) { r.board.polled(n, exactlyOnce) }
func (r pollReport) Retrying(err error) {
	r.board.retrying(err)
	r.meters.reconnect(context.Background(), err)
}
func (r pollReport) Failed(err error) { r.board.failed(err) }
func (r pollReport) Ended()           { r.board.remove() }
