package capture

import (
	"github.com/calypso-cdc/calypso/services/capture/internal/api"
	"github.com/calypso-cdc/calypso/services/capture/internal/command"
	"github.com/calypso-cdc/calypso/services/capture/internal/incremental"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// Board is where the captures of a worker are seen and called, by CaptureService and metrics. It is safe for concurrent use.
type Board struct {
	captures *status.Board
	doors    *api.Doors
}

// NewBoard makes an empty board.
func NewBoard() *Board {
	return &Board{captures: status.NewBoard(), doors: command.New[incremental.Signal, *progress.Incremental]()}
}

// NewService answers CaptureService for the captures of a board.
func NewService(b *Board, fleet api.Fleet) *api.Service { return api.New(b.captures, b.doors, fleet) }
