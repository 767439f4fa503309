package capture

import (
	"github.com/calypso-cdc/calypso/services/capture/internal/api"
	"github.com/calypso-cdc/calypso/services/capture/internal/command"
	"github.com/calypso-cdc/calypso/services/capture/internal/incremental"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// Registry has the captures of a worker. Metrics and CaptureService read it, and CaptureService
// calls captures through it. It is safe for concurrent use.
type Registry struct {
	captures  *status.Registry
	endpoints *api.Endpoints
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	return &Registry{captures: status.NewRegistry(), endpoints: command.New[incremental.Signal, *progress.Incremental]()}
}

// NewService answers CaptureService for the captures of a registry.
func NewService(b *Registry, fleet api.Fleet) *api.Service {
	return api.New(b.captures, b.endpoints, fleet)
}
