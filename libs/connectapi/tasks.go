package connectapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

// tasks handles the calls about the tasks of a connector.
type tasks struct {
	client connectorv1.ConnectorServiceClient
}

// list returns each task with the connector's configuration, since tasks have no other.
func (t *tasks) list(r *request) (*answer, error) {
	type task struct {
		ID     taskID            `json:"id"`
		Config map[string]string `json:"config"`
	}
	c, err := connectorOf(r, t.client)
	if err != nil {
		return nil, err
	}
	class, err := t.class(r, c.GetConfig()["connector.class"])
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

// class returns the class of a connector's tasks, named like those of Kafka's own connectors.
func (t *tasks) class(r *request, class string) (string, error) {
	if !strings.Contains(class, ".") {
		response, err := t.client.ListPlugins(r.Context(), &connectorv1.ListPluginsRequest{})
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

// task returns the number in the path; a path with anything else is not found.
func (r *request) task() (int32, error) {
	number, err := strconv.ParseInt(r.path["task"], 10, 32)
	if err != nil {
		return 0, notFound("HTTP 404 Not Found")
	}
	return int32(number), nil
}

func (t *tasks) status(r *request) (*answer, error) {
	number, err := r.task()
	if err != nil {
		return nil, err
	}
	missing := fmt.Sprintf("No status found for task %.300s-%d", r.connector(), number)
	status, err := statusNow(r, t.client)
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

func (t *tasks) restart(r *request) (*answer, error) {
	number, err := r.task()
	if err != nil {
		return nil, err
	}
	if _, err := t.client.RestartTask(r.Context(), &connectorv1.RestartTaskRequest{Name: r.connector(),
		Task: number}); err != nil {
		if connector.ReasonOf(err) == connector.ReasonConnectorNotFound {
			return nil, orNotFound(err, "Unknown connector: %.300s", r.connector())
		}
		return nil, orNotFound(err, "Unknown task: %.300s-%d", r.connector(), number)
	}
	return empty(http.StatusNoContent), nil
}
