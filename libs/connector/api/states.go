package api

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/state"
)

// states answers the calls about the state of connectors and their tasks.
type states struct {
	fleet *fleet
	// cut returns why this worker is cut off from Kafka; nil if it is not.
	cut func() error
}

func (s *states) PauseConnector(ctx context.Context,
	request *connectorv1.PauseConnectorRequest) (*connectorv1.PauseConnectorResponse, error) {
	return &connectorv1.PauseConnectorResponse{}, s.setTarget(ctx, request.GetName(), state.TargetPaused)
}

func (s *states) ResumeConnector(ctx context.Context,
	request *connectorv1.ResumeConnectorRequest) (*connectorv1.ResumeConnectorResponse, error) {
	return &connectorv1.ResumeConnectorResponse{}, s.setTarget(ctx, request.GetName(), state.TargetStarted)
}

func (s *states) StopConnector(ctx context.Context,
	request *connectorv1.StopConnectorRequest) (*connectorv1.StopConnectorResponse, error) {
	return &connectorv1.StopConnectorResponse{}, s.setTarget(ctx, request.GetName(), state.TargetStopped)
}

// setTarget records the state that a connector is to be in.
func (s *states) setTarget(ctx context.Context, name string, wanted state.Target) error {
	s.fleet.changing.Lock()
	defer s.fleet.changing.Unlock()
	c, _, err := s.fleet.ours(name)
	if err != nil {
		return err
	}
	if c.Target == wanted {
		return nil
	}
	s.fleet.logger.Info("connector told to change", "connector", c.Name, "from", c.Target, "to", wanted)
	return s.fleet.append(ctx, s.fleet.config.ConfigTopic, c.Name,
		state.Entry{Key: state.TargetKey + c.Name, Value: wanted.Record()})
}

func (s *states) RestartConnector(ctx context.Context,
	request *connectorv1.RestartConnectorRequest) (*connectorv1.RestartConnectorResponse, error) {
	c, plugin, err := s.fleet.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	record := state.RestartRecord{IncludeTasks: request.GetIncludeTasks(), OnlyFailed: request.GetOnlyFailed()}
	status := s.status(c, plugin)
	// As in Kafka Connect, even for a connector that is paused or stopped and stays so.
	if !record.OnlyFailed {
		status.State = connectorv1.State_STATE_RESTARTING
	}
	for _, task := range status.Tasks {
		if record.IncludeTasks && (!record.OnlyFailed || task.State == connectorv1.State_STATE_FAILED) {
			task.State = connectorv1.State_STATE_RESTARTING
		}
	}
	if err := s.fleet.append(ctx, s.fleet.config.ConfigTopic, c.Name,
		state.Entry{Key: state.RestartKey + c.Name, Value: record}); err != nil {
		return nil, err
	}
	s.fleet.logger.Info("connector told to restart", "connector", c.Name, "include_tasks", record.IncludeTasks,
		"only_failed", record.OnlyFailed)
	return &connectorv1.RestartConnectorResponse{Status: status}, nil
}

func (s *states) RestartTask(ctx context.Context,
	request *connectorv1.RestartTaskRequest) (*connectorv1.RestartTaskResponse, error) {
	c, plugin, err := s.fleet.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	task := int(request.GetTask())
	if task < 0 || task >= s.fleet.classes.TaskCount(plugin, c) || c.Target == state.TargetStopped {
		return nil, failure(codes.NotFound, connector.ReasonTaskNotFound,
			"Unknown task: "+state.TaskID{Connector: c.Name, Task: task}.String())
	}
	// The number in the key only keeps requests for different tasks apart; the one in the value
	// counts.
	err = s.fleet.append(ctx, s.fleet.config.ConfigTopic, c.Name,
		state.Entry{Key: state.RestartTaskKey + state.TaskID{Connector: c.Name, Task: task}.String(),
			Value: state.RestartRecord{Connector: c.Name, Task: &task}})
	return &connectorv1.RestartTaskResponse{}, err
}

func (s *states) GetConnectorStatus(_ context.Context,
	request *connectorv1.GetConnectorStatusRequest) (*connectorv1.GetConnectorStatusResponse, error) {
	c, plugin, err := s.fleet.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	status := s.status(c, plugin)
	// A state that nobody can report on looks like one that holds. Kafka Connect says nothing then.
	if why := s.cut(); why != nil && status.Trace == "" {
		status.Trace = fmt.Sprintf("The states are those that were reported last; worker %s cannot learn of others now: %v",
			s.fleet.config.WorkerID, why)
	}
	return &connectorv1.GetConnectorStatusResponse{Status: status}, nil
}

// status is what the status topic says; a task that nobody has reported on yet is UNASSIGNED.
func (s *states) status(c state.Connector, plugin connector.Plugin) *connectorv1.ConnectorStatus {
	status := &connectorv1.ConnectorStatus{Name: c.Name, Type: typeMessage(plugin.Type),
		State: connectorv1.State_STATE_UNASSIGNED, Version: plugin.Version}
	if said := c.Statuses.Connector; said != nil {
		status.State, status.WorkerId, status.Trace = stateMessage(said.State), said.WorkerID, said.Trace
	}
	for n := range s.fleet.classes.TaskCount(plugin, c) {
		said, ok := c.Statuses.Tasks[n]
		switch {
		case ok:
			version := said.Version
			if version == "" {
				version = plugin.Version
			}
			status.Tasks = append(status.Tasks, &connectorv1.TaskStatus{Id: int32(n), State: stateMessage(said.State),
				WorkerId: said.WorkerID, Version: version, Trace: said.Trace})
		case c.Target != state.TargetStopped:
			status.Tasks = append(status.Tasks, &connectorv1.TaskStatus{Id: int32(n), State: connectorv1.State_STATE_UNASSIGNED,
				Version: plugin.Version})
		}
	}
	return status
}

func (s *states) WatchConnectors(request *connectorv1.WatchConnectorsRequest,
	stream connectorv1.ConnectorService_WatchConnectorsServer) error {
	if err := s.fleet.store.Usable(); err != nil {
		return storeUnavailable(err)
	}
	watcher, stop := s.fleet.store.Watch()
	defer stop()
	only := request.GetName()
	shown := map[string]bool{}
	names := map[string]bool{}
	for _, c := range s.fleet.store.Known.Connectors() {
		names[c.Name] = true
	}
	for {
		for _, name := range sortedKeys(names) {
			if only != "" && name != only {
				continue
			}
			response := &connectorv1.WatchConnectorsResponse{Time: timestamppb.Now()}
			c, plugin, err := s.fleet.ours(name)
			switch {
			case err == nil:
				response.Status = s.status(c, plugin)
				shown[name] = true
			case connector.ReasonOf(err) == connector.ReasonConnectorNotFound && shown[name]:
				response.Status, response.Deleted = &connectorv1.ConnectorStatus{Name: name}, true
				delete(shown, name)
			default:
				continue
			}
			if err := stream.Send(response); err != nil {
				return err
			}
		}
		select {
		case <-watcher.Signal:
			names = watcher.Take()
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func (s *states) GetConnectorTopics(_ context.Context,
	request *connectorv1.GetConnectorTopicsRequest) (*connectorv1.GetConnectorTopicsResponse, error) {
	c, _, err := s.fleet.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	return &connectorv1.GetConnectorTopicsResponse{Topics: c.Statuses.SortedTopics()}, nil
}

func (s *states) ResetConnectorTopics(ctx context.Context,
	request *connectorv1.ResetConnectorTopicsRequest) (*connectorv1.ResetConnectorTopicsResponse, error) {
	c, _, err := s.fleet.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	var entries []state.Entry
	for _, topic := range c.Statuses.SortedTopics() {
		entries = append(entries, state.Entry{Key: state.TopicStatusKey(c.Name, topic)})
	}
	if len(entries) > 0 {
		if err := s.fleet.append(ctx, s.fleet.config.StatusTopic, c.Name, entries...); err != nil {
			return nil, err
		}
	}
	return &connectorv1.ResetConnectorTopicsResponse{}, nil
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
