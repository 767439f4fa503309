package target

import (
	"context"
	"sync/atomic"
	"time"

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

	// tables counts those that rows come into.
	tables *atomic.Int32
}

// lookAgain is after how long a refused row, or rows that come, make the sink check whether a table
// has changed: a column that was renamed in the cluster silently gets null.
const lookAgain = 5 * time.Second

// unchecked reports whether nobody asks what a table is like whose rows have a format.
func (c *Cluster) unchecked(format string) bool {
	return !c.Spec.Validate && c.Spec.Check == spec.CheckOff && !spec.NeedsColumns(format)
}

// lookPause is for how long what is known of a table holds while rows come: a task of hundreds of
// tables is not to ask the cluster about them all the time.
func (c *Cluster) lookPause() time.Duration {
	const ofEach, most = 50 * time.Millisecond, 30 * time.Second
	return min(max(lookAgain, time.Duration(c.tables.Load())*ofEach), most)
}
