package connector

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/connector/state"
)

// Environment gives what a task of a connector would be given on this worker, and the connector's checked configuration, whether or
// not one of its tasks runs here: for calls that any worker can take. The error is a gRPC status: NOT_FOUND for a connector that
// this fleet does not have, UNAVAILABLE before the configurations were read.
func (w *Worker) Environment(name string) (TaskEnv, catalogue.Values, error) {
	connector, plugin, err := (&service{Worker: w}).ours(name)
	if err != nil {
		return TaskEnv{}, catalogue.Values{}, err
	}
	resolved, faults := w.config.References.Resolve(connector.Properties())
	if err := faults.Err(); err != nil {
		return TaskEnv{}, catalogue.Values{}, invalidField(ReasonConfigInvalid, "config", fmt.Sprintf("resolve the configuration on worker %s: %v", w.config.WorkerID, err))
	}
	values, _, problems := plugin.parseStored(connector.Properties(), resolved)
	if len(problems) > 0 {
		return TaskEnv{}, catalogue.Values{}, errInvalid(problems)
	}
	env := w.taskEnv(state.TaskID{Connector: connector.Name, Task: 0}, connector.Tasks, secret.Of(plugin.Catalogue, connector.Config, resolved))
	return env, values, nil
}
