package connectapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

// connectorStatus holds only states that Kafka Connect knows: clients fail on others.
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

func taskStatusOf(task *connectorv1.TaskStatus) taskStatus {
	return taskStatus{task.GetId(), state{stateName(task.GetState()), task.GetWorkerId(), task.GetVersion(), task.GetTrace()}}
}

func stateName(s connectorv1.State) string {
	if s == connectorv1.State_STATE_UNSPECIFIED {
		s = connectorv1.State_STATE_UNASSIGNED
	}
	return strings.TrimPrefix(s.String(), "STATE_")
}

func (h *Handler) status(r *request) (*connectorv1.ConnectorStatus, error) {
	response, err := h.config.Client.GetConnectorStatus(r.Context(), &connectorv1.GetConnectorStatusRequest{Name: r.connector()})
	return response.GetStatus(), err
}

func (h *Handler) getStatus(r *request) (*answer, error) {
	status, err := h.status(r)
	if err != nil {
		return nil, orNotFound(err, "No status found for connector %.300s", r.connector())
	}
	return ok(statusOf(status)), nil
}

func (h *Handler) pause(r *request) (*answer, error) {
	_, err := h.config.Client.PauseConnector(r.Context(), &connectorv1.PauseConnectorRequest{Name: r.connector()})
	return h.aimed(r, http.StatusAccepted, err)
}

func (h *Handler) resume(r *request) (*answer, error) {
	_, err := h.config.Client.ResumeConnector(r.Context(), &connectorv1.ResumeConnectorRequest{Name: r.connector()})
	return h.aimed(r, http.StatusAccepted, err)
}

func (h *Handler) stop(r *request) (*answer, error) {
	_, err := h.config.Client.StopConnector(r.Context(), &connectorv1.StopConnectorRequest{Name: r.connector()})
	return h.aimed(r, http.StatusNoContent, err)
}

func (h *Handler) aimed(r *request, code int, err error) (*answer, error) {
	if err != nil {
		return nil, orNotFound(err, "Unknown connector %.300s", r.connector())
	}
	return empty(code), nil
}

// restartConnector answers 204 if only the connector restarts and 202 with the status if a flag was set (KIP-745).
func (h *Handler) restartConnector(r *request) (*answer, error) {
	includeTasks, err := r.flag("includeTasks", false)
	if err != nil {
		return nil, err
	}
	onlyFailed, err := r.flag("onlyFailed", false)
	if err != nil {
		return nil, err
	}
	response, err := h.config.Client.RestartConnector(r.Context(), &connectorv1.RestartConnectorRequest{Name: r.connector(), IncludeTasks: includeTasks, OnlyFailed: onlyFailed})
	if err != nil {
		return nil, orNotFound(err, "Unknown connector: %.300s", r.connector())
	}
	if !includeTasks && !onlyFailed {
		return empty(http.StatusNoContent), nil
	}
	return &answer{code: http.StatusAccepted, body: statusOf(response.GetStatus())}, nil
}

// listTasks shows each task with the connector's configuration, since our tasks have no other.
func (h *Handler) listTasks(r *request) (*answer, error) {
	type task struct {
		ID     taskID            `json:"id"`
		Config map[string]string `json:"config"`
	}
	c, err := h.get(r)
	if err != nil {
		return nil, err
	}
	class, err := h.taskClass(r, c.GetConfig()["connector.class"])
	if err != nil {
		return nil, err
	}
	tasks := []task{}
	for _, id := range c.GetTasks() {
		config := map[string]string{"task.class": class}
		for key, value := range c.GetConfig() {
			config[key] = value
		}
		tasks = append(tasks, task{taskID{c.GetName(), id}, config})
	}
	return ok(tasks), nil
}

// taskClass names the class of a connector's tasks in the way of Kafka's own connectors.
func (h *Handler) taskClass(r *request, class string) (string, error) {
	if !strings.Contains(class, ".") {
		response, err := h.config.Client.ListPlugins(r.Context(), &connectorv1.ListPluginsRequest{})
		if err != nil {
			return "", err
		}
		for _, plugin := range response.GetPlugins() {
			for _, full := range append([]string{plugin.GetClass()}, plugin.GetAliases()...) {
				simple := full[strings.LastIndexByte(full, '.')+1:]
				if full != simple && (class == simple || class == strings.TrimSuffix(simple, "Connector")) {
					class = full
				}
			}
		}
	}
	if strings.HasPrefix(class, "io.debezium.") {
		return class + "Task", nil // Debezium's own way: PostgresConnectorTask
	}
	return strings.TrimSuffix(class, "Connector") + "Task", nil
}

// task is the number in the path; a path with anything else does not exist.
func (r *request) task() (int32, error) {
	number, err := strconv.ParseInt(r.path["task"], 10, 32)
	if err != nil {
		return 0, notFound("HTTP 404 Not Found")
	}
	return int32(number), nil
}

func (h *Handler) getTaskStatus(r *request) (*answer, error) {
	number, err := r.task()
	if err != nil {
		return nil, err
	}
	missing := fmt.Sprintf("No status found for task %.300s-%d", r.connector(), number)
	status, err := h.status(r)
	if err != nil {
		return nil, orNotFound(err, "%s", missing)
	}
	for _, task := range status.GetTasks() {
		if task.GetId() == number {
			return ok(taskStatusOf(task)), nil
		}
	}
	return nil, notFound("%s", missing)
}

func (h *Handler) restartTask(r *request) (*answer, error) {
	number, err := r.task()
	if err != nil {
		return nil, err
	}
	if _, err := h.config.Client.RestartTask(r.Context(), &connectorv1.RestartTaskRequest{Name: r.connector(), Task: number}); err != nil {
		if connector.ReasonOf(err) == connector.ReasonConnectorNotFound {
			return nil, orNotFound(err, "Unknown connector: %.300s", r.connector())
		}
		return nil, orNotFound(err, "Unknown task: %.300s-%d", r.connector(), number)
	}
	return empty(http.StatusNoContent), nil
}
