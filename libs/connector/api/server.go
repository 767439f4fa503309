package api

import (
	"fmt"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/preflight"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/connector/state"
)

// Server answers ConnectorService for the connectors of one fleet. Any worker takes any call.
type Server struct {
	unimplemented
	*configurations
	*plugins
	*states
	*offsets
	*events
	*transactions

	worker *runtime.Worker
	fleet  *fleet
}

// unimplemented answers the calls that no part answers. It is embedded one level deeper than the
// parts, so that their methods take precedence.
type unimplemented struct {
	connectorv1.UnimplementedConnectorServiceServer
}

// New makes the server of a worker.
func New(w *runtime.Worker) *Server {
	config := w.Config()
	fleet := &fleet{config: config, logger: config.Logger, store: w.Store(), classes: w.Classes()}
	checker := preflight.New(preflight.Config{WorkerID: config.WorkerID, Timeout: config.CheckTimeout,
		StoreTimeout: config.StoreTimeout, Logger: config.Logger}, w.Store(), w.Classes())
	return &Server{
		configurations: &configurations{fleet, checker},
		plugins:        &plugins{fleet, checker},
		states:         &states{fleet, w.CutOff},
		offsets:        &offsets{fleet},
		events:         &events{fleet},
		transactions:   &transactions{fleet},
		worker:         w,
		fleet:          fleet,
	}
}

// Environment returns what a task of a connector would be given on this worker, and the connector's
// checked configuration, whether or not one of its tasks runs here. It is for calls that any worker
// can answer. The error is a gRPC status: NOT_FOUND for a connector that this fleet does not have,
// UNAVAILABLE before the configurations were read.
func (s *Server) Environment(name string) (connector.TaskEnv, catalogue.Values, error) {
	c, plugin, err := s.fleet.ours(name)
	if err != nil {
		return connector.TaskEnv{}, catalogue.Values{}, err
	}
	read := s.fleet.classes.Read(plugin, c)
	if err := read.Faults.Err(); err != nil {
		return connector.TaskEnv{}, catalogue.Values{}, invalidField(connector.ReasonConfigInvalid, "config",
			fmt.Sprintf("resolve the configuration on worker %s: %v", s.fleet.config.WorkerID, err))
	}
	if len(read.Problems) > 0 {
		return connector.TaskEnv{}, catalogue.Values{}, errInvalid(read.Problems, nil)
	}
	return s.worker.TaskEnv(state.TaskID{Connector: c.Name, Task: 0}, c.Tasks, read.Secrets), read.Values, nil
}

// Class is the full name of a connector's class. Its errors are those of Environment.
func (s *Server) Class(name string) (string, error) {
	_, plugin, err := s.fleet.ours(name)
	return plugin.Class, err
}
