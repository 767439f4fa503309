package target

import (
	"context"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// Cluster is what tables need to be found, changed and reported.
type Cluster struct {
	// Ctx ends what is done beside the records.
	Ctx    context.Context
	Env    connector.TaskEnv
	Spec   *spec.Spec
	Client *kusto.Client
	Retry  *retry.Retrier
	Status *status.Task
	Memory *memory.Share
	Meters *status.Meters
	// Beside runs what no record waits for.
	Beside func(name string, work func())
}
