package connectapi

import (
	"net/http"
	"strings"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

// connectorStatus has only states that Kafka Connect knows, since clients fail on others.
type connectorStatus struct {
	Name      string       `json:"name"`
	Connector state        `json:"connector"`
	Tasks     []taskStatus `json:"tasks"`
	Type      string       `json:"type"`
}

type state struct {
	State    string `json:"state"`
	WorkerID string `json:"worker_id"`
	Version  string `json:"version,omitempty"`
	Trace    string `json:"trace,omitempty"`
}

type taskStatus struct {
	ID int32 `json:"id"`
	state
}

func statusOf(s *connectorv1.ConnectorStatus) connectorStatus {
	status := connectorStatus{
		Name:      s.GetName(),
		Connector: state{stateName(s.GetState()), s.GetWorkerId(), s.GetVersion(), s.GetTrace()},
		Tasks:     []taskStatus{},
		Type:      typeName(s.GetType()),
	}
	for _, task := range s.GetTasks() {
		status.Tasks = append(status.Tasks, taskStatusOf(task))
	}
	return status
}

// unknownStatus is that of a connector whose workers cannot be asked, in a list with others.
func unknownStatus(c *connectorv1.Connector, why string) connectorStatus {
	return statusOf(&connectorv1.ConnectorStatus{Name: c.GetName(), Type: c.GetType(), Trace: why})
}

func taskStatusOf(task *connectorv1.TaskStatus) taskStatus {
	return taskStatus{task.GetId(), state{stateName(task.GetState()), task.GetWorkerId(), task.GetVersion(),
		task.GetTrace()}}
}

func stateName(s connectorv1.State) string {
	if s == connectorv1.State_STATE_UNSPECIFIED {
		s = connectorv1.State_STATE_UNASSIGNED
	}
	return strings.TrimPrefix(s.String(), "STATE_")
}

// statusNow returns the status of the connector that a path names.
func statusNow(r *request, client connectorv1.ConnectorServiceClient) (*connectorv1.ConnectorStatus, error) {
	response, err := client.GetConnectorStatus(r.Context(), &connectorv1.GetConnectorStatusRequest{Name: r.connector()})
	return response.GetStatus(), err
}

// states handles the calls about a connector's state.
type states struct {
	client connectorv1.ConnectorServiceClient
}

func (s *states) get(r *request) (*answer, error) {
	status, err := statusNow(r, s.client)
	if err != nil {
		return nil, orNotFound(err, "No status found for connector %.300s", r.connector())
	}
	return ok(statusOf(status)), nil
}

func (s *states) pause(r *request) (*answer, error) {
	_, err := s.client.PauseConnector(r.Context(), &connectorv1.PauseConnectorRequest{Name: r.connector()})
	return aimed(r, http.StatusAccepted, err)
}

func (s *states) resume(r *request) (*answer, error) {
	_, err := s.client.ResumeConnector(r.Context(), &connectorv1.ResumeConnectorRequest{Name: r.connector()})
	return aimed(r, http.StatusAccepted, err)
}

func (s *states) stop(r *request) (*answer, error) {
	_, err := s.client.StopConnector(r.Context(), &connectorv1.StopConnectorRequest{Name: r.connector()})
	return aimed(r, http.StatusNoContent, err)
}

func aimed(r *request, code int, err error) (*answer, error) {
	if err != nil {
		return nil, orNotFound(err, "Unknown connector %.300s", r.connector())
	}
	return empty(code), nil
}

// restart answers 204 if only the connector restarts and 202 with the status if a flag was set (KIP-745).
func (s *states) restart(r *request) (*answer, error) {
	includeTasks, err := r.flag("includeTasks", false)
	if err != nil {
		return nil, err
	}
	onlyFailed, err := r.flag("onlyFailed", false)
	if err != nil {
		return nil, err
	}
	response, err := s.client.RestartConnector(r.Context(),
		&connectorv1.RestartConnectorRequest{Name: r.connector(), IncludeTasks: includeTasks, OnlyFailed: onlyFailed})
	if err != nil {
		return nil, orNotFound(err, "Unknown connector: %.300s", r.connector())
	}
	if !includeTasks && !onlyFailed {
		return empty(http.StatusNoContent), nil
	}
	return &answer{code: http.StatusAccepted, body: statusOf(response.GetStatus())}, nil
}
