package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector/state"
)

func (s *service) PauseConnector(ctx context.Context, request *connectorv1.PauseConnectorRequest) (*connectorv1.PauseConnectorResponse, error) {
	return &connectorv1.PauseConnectorResponse{}, s.aim(ctx, request.GetName(), state.TargetPaused)
}

func (s *service) ResumeConnector(ctx context.Context, request *connectorv1.ResumeConnectorRequest) (*connectorv1.ResumeConnectorResponse, error) {
	return &connectorv1.ResumeConnectorResponse{}, s.aim(ctx, request.GetName(), state.TargetStarted)
}

func (s *service) StopConnector(ctx context.Context, request *connectorv1.StopConnectorRequest) (*connectorv1.StopConnectorResponse, error) {
	return &connectorv1.StopConnectorResponse{}, s.aim(ctx, request.GetName(), state.TargetStopped)
}

// aim records what is wanted of a connector.
func (s *service) aim(ctx context.Context, name string, wanted state.Target) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	connector, _, err := s.ours(name)
	if err != nil {
		return err
	}
	if connector.Target == wanted {
		return nil
	}
	s.logger.Info("connector told to change", "connector", connector.Name, "from", connector.Target, "to", wanted)
	return s.store.append(ctx, s.config.ConfigTopic, connector.Name, state.Entry{Key: state.TargetKey + connector.Name, Value: wanted.Record()})
}

func (s *service) RestartConnector(ctx context.Context, request *connectorv1.RestartConnectorRequest) (*connectorv1.RestartConnectorResponse, error) {
	connector, plugin, err := s.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	record := state.RestartRecord{IncludeTasks: request.GetIncludeTasks(), OnlyFailed: request.GetOnlyFailed()}
	status := s.status(connector, plugin)
	// As Kafka Connect says it, also of what is paused or stopped and stays so.
	if !record.OnlyFailed {
		status.State = connectorv1.State_STATE_RESTARTING
	}
	for _, task := range status.Tasks {
		if record.IncludeTasks && (!record.OnlyFailed || task.State == connectorv1.State_STATE_FAILED) {
			task.State = connectorv1.State_STATE_RESTARTING
		}
	}
	if err := s.store.append(ctx, s.config.ConfigTopic, connector.Name, state.Entry{Key: state.RestartKey + connector.Name, Value: record}); err != nil {
		return nil, err
	}
	s.logger.Info("connector told to restart", "connector", connector.Name, "include_tasks", record.IncludeTasks, "only_failed", record.OnlyFailed)
	return &connectorv1.RestartConnectorResponse{Status: status}, nil
}

func (s *service) RestartTask(ctx context.Context, request *connectorv1.RestartTaskRequest) (*connectorv1.RestartTaskResponse, error) {
	connector, plugin, err := s.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	task := int(request.GetTask())
	if task < 0 || task >= s.taskCount(plugin, connector) || connector.Target == state.TargetStopped {
		return nil, failure(codes.NotFound, ReasonTaskNotFound, "Unknown task: "+state.TaskID{Connector: connector.Name, Task: task}.String())
	}
	// The key's number keeps requests for different tasks apart; the value's is what counts.
	err = s.store.append(ctx, s.config.ConfigTopic, connector.Name, state.Entry{Key: state.RestartTaskKey + state.TaskID{Connector: connector.Name, Task: task}.String(), Value: state.RestartRecord{Connector: connector.Name, Task: &task}})
	return &connectorv1.RestartTaskResponse{}, err
}

func (s *service) GetConnectorStatus(_ context.Context, request *connectorv1.GetConnectorStatusRequest) (*connectorv1.GetConnectorStatusResponse, error) {
	connector, plugin, err := s.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	return &connectorv1.GetConnectorStatusResponse{Status: s.status(connector, plugin)}, nil
}

// status is what the status topic says; a task that nobody has reported on yet is UNASSIGNED.
func (s *service) status(connector state.Connector, plugin Plugin) *connectorv1.ConnectorStatus {
	status := &connectorv1.ConnectorStatus{Name: connector.Name, Type: typeMessage(plugin.Type), State: connectorv1.State_STATE_UNASSIGNED, Version: plugin.Version}
	if said := connector.Statuses.Connector; said != nil {
		status.State, status.WorkerId, status.Trace = stateMessage(said.State), said.WorkerID, said.Trace
	}
	for n := range s.taskCount(plugin, connector) {
		said, ok := connector.Statuses.Tasks[n]
		switch {
		case ok:
			version := said.Version
			if version == "" {
				version = plugin.Version
			}
			status.Tasks = append(status.Tasks, &connectorv1.TaskStatus{Id: int32(n), State: stateMessage(said.State), WorkerId: said.WorkerID, Version: version, Trace: said.Trace})
		case connector.Target != state.TargetStopped:
			status.Tasks = append(status.Tasks, &connectorv1.TaskStatus{Id: int32(n), State: connectorv1.State_STATE_UNASSIGNED, Version: plugin.Version})
		}
	}
	return status
}

func (s *service) WatchConnectors(request *connectorv1.WatchConnectorsRequest, stream connectorv1.ConnectorService_WatchConnectorsServer) error {
	if err := s.store.usable(); err != nil {
		return storeUnavailable(err)
	}
	watcher, stop := s.store.watch()
	defer stop()
	only := request.GetName()
	shown := map[string]bool{}
	names := map[string]bool{}
	for _, connector := range s.store.configured() {
		names[connector.Name] = true
	}
	for {
		for _, name := range sortedKeys(names) {
			if only != "" && name != only {
				continue
			}
			response := &connectorv1.WatchConnectorsResponse{Time: timestamppb.Now()}
			connector, plugin, err := s.ours(name)
			switch {
			case err == nil:
				response.Status = s.status(connector, plugin)
				shown[name] = true
			case ReasonOf(err) == ReasonConnectorNotFound && shown[name]:
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
		case <-watcher.signal:
			names = watcher.take()
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func (s *service) GetConnectorTopics(_ context.Context, request *connectorv1.GetConnectorTopicsRequest) (*connectorv1.GetConnectorTopicsResponse, error) {
	connector, _, err := s.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	return &connectorv1.GetConnectorTopicsResponse{Topics: connector.Statuses.SortedTopics()}, nil
}

func (s *service) ResetConnectorTopics(ctx context.Context, request *connectorv1.ResetConnectorTopicsRequest) (*connectorv1.ResetConnectorTopicsResponse, error) {
	connector, _, err := s.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	var entries []state.Entry
	for _, topic := range connector.Statuses.SortedTopics() {
		entries = append(entries, state.Entry{Key: state.TopicStatusKey(connector.Name, topic)})
	}
	if len(entries) > 0 {
		if err := s.store.append(ctx, s.config.StatusTopic, connector.Name, entries...); err != nil {
			return nil, err
		}
	}
	return &connectorv1.ResetConnectorTopicsResponse{}, nil
}

func stateMessage(s state.State) connectorv1.State {
	if value, ok := connectorv1.State_value["STATE_"+string(s)]; ok {
		return connectorv1.State(value)
	}
	return connectorv1.State_STATE_UNSPECIFIED
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// notStopped is the error of changing the offsets of a connector that is not stopped.
func notStopped(name, detail string) error {
	message := "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/" + name + "/stop' endpoint"
	if detail != "" {
		message += fmt.Sprintf(" (%s)", strings.TrimSuffix(detail, "."))
	}
	return failure(codes.FailedPrecondition, ReasonNotStopped, message)
}
