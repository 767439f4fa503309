package connectapi

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// connectorInfo is a connector's configuration.
type connectorInfo struct {
	Name   string            `json:"name"`
	Config map[string]string `json:"config"`
	Tasks  []taskID          `json:"tasks"`
	Type   string            `json:"type"`
}

type taskID struct {
	Connector string `json:"connector"`
	Task      int32  `json:"task"`
}

func infoOf(c *connectorv1.Connector) connectorInfo {
	info := connectorInfo{Name: c.GetName(), Config: c.GetConfig(), Tasks: []taskID{}, Type: typeName(c.GetType())}
	for _, task := range c.GetTasks() {
		info.Tasks = append(info.Tasks, taskID{c.GetName(), task})
	}
	return info
}

func typeName(t connectorv1.ConnectorType) string {
	switch t {
	case connectorv1.ConnectorType_CONNECTOR_TYPE_SOURCE:
		return "source"
	case connectorv1.ConnectorType_CONNECTOR_TYPE_SINK:
		return "sink"
	}
	return "unknown"
}

// connectors handles the calls about connectors and their configurations.
type connectors struct {
	client connectorv1.ConnectorServiceClient
}

func (s *connectors) list(r *request) (*answer, error) {
	response, err := s.client.ListConnectors(r.Context(), &connectorv1.ListConnectorsRequest{})
	if err != nil {
		return nil, err
	}
	expand := r.URL.Query()["expand"]
	if len(expand) == 0 {
		names := []string{}
		for _, c := range response.GetConnectors() {
			names = append(names, c.GetName())
		}
		return ok(names).warned(response.GetUnreachable()), nil
	}
	expanded := map[string]map[string]any{}
	for _, c := range response.GetConnectors() {
		entry := map[string]any{}
		if slices.Contains(expand, "info") {
			entry["info"] = infoOf(c)
		}
		if slices.Contains(expand, "status") {
			state, err := s.client.GetConnectorStatus(r.Context(), &connectorv1.GetConnectorStatusRequest{Name: c.GetName()})
			switch {
			case status.Code(err) == codes.NotFound:
				continue // deleted meanwhile
			case status.Code(err) == codes.Unavailable && len(response.GetUnreachable()) > 0:
				entry["status"] = unknownStatus(c, status.Convert(err).Message())
			case err != nil:
				return nil, err
			default:
				entry["status"] = statusOf(state.GetStatus())
			}
		}
		expanded[c.GetName()] = entry
	}
	return ok(expanded).warned(response.GetUnreachable()), nil
}

func (s *connectors) create(r *request) (*answer, error) {
	object, err := r.object()
	if err != nil {
		return nil, err
	}
	if err := only(object, "name", "config", "initial_state"); err != nil {
		return nil, err
	}
	name, err := text(object, "name")
	if err != nil {
		return nil, err
	}
	initial, err := initialState(object)
	if err != nil {
		return nil, err
	}
	given, isObject := object["config"].(map[string]any)
	if !isObject {
		return nil, badRequest("field config must be an object with the connector's configuration")
	}
	config, null, err := configOf(given)
	if err != nil {
		return nil, err
	}
	if err := s.refuseNull(r, name, config, null); err != nil {
		return nil, err
	}
	response, err := s.client.CreateConnector(r.Context(),
		&connectorv1.CreateConnectorRequest{Name: name, Config: config, InitialState: initial})
	if err != nil {
		return nil, err
	}
	return created(r, s.asGiven(r, response.GetConnector())).warned(response.GetWarnings()), nil
}

// refuseNull refuses a configuration with keys that are null, and lists its other errors too, as
// Kafka Connect does. The name may be null, and if the class is null or unknown the worker's error
// is enough.
func (s *connectors) refuseNull(r *request, name string, config map[string]string, null []string) error {
	null = slices.DeleteFunc(null, func(key string) bool { return key == "name" })
	class := config["connector.class"]
	if len(null) == 0 || class == "" {
		return nil
	}
	named := maps.Clone(config)
	named["name"] = name
	response, err := s.client.ValidateConfig(r.Context(),
		&connectorv1.ValidateConfigRequest{Plugin: class, Config: named, Offline: true})
	if status.Code(err) == codes.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	said, warnings := slices.Repeat([]string{nullValue}, len(null)), []string(nil)
	for _, key := range null {
		warnings = append(warnings, fmt.Sprintf("%.200s is null: give it a value, or leave it out", key))
	}
	for _, value := range response.GetValues() {
		said, warnings = append(said, value.GetErrors()...), append(warnings, value.GetWarnings()...)
	}
	return &apiError{code: http.StatusBadRequest, warnings: warnings,
		message: fmt.Sprintf("Connector configuration is invalid and contains the following %d error(s):\n%s%s", len(said),
			strings.Join(said, "\n"), listedAlsoAt)}
}

// nullValue is Kafka Connect's error for a key that is null.
const nullValue = "Null value can not be supplied as the configuration value."

func initialState(object map[string]any) (connectorv1.State, error) {
	if object["initial_state"] == nil {
		return connectorv1.State_STATE_UNSPECIFIED, nil
	}
	name, err := text(object, "initial_state")
	if err != nil {
		return 0, err
	}
	switch strings.ToUpper(name) {
	case "RUNNING":
		return connectorv1.State_STATE_RUNNING, nil
	case "PAUSED":
		return connectorv1.State_STATE_PAUSED, nil
	case "STOPPED":
		return connectorv1.State_STATE_STOPPED, nil
	}
	return 0, badRequest("field initial_state: %.100q is not one of RUNNING, PAUSED, STOPPED", name)
}

func created(r *request, c *connectorv1.Connector) *answer {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	location := url.URL{Scheme: scheme, Host: r.Host, Path: "/connectors/" + c.GetName()}
	return &answer{code: http.StatusCreated, body: infoOf(c), location: location.String()}
}

// connectorOf returns the connector that a path names.
func connectorOf(r *request, client connectorv1.ConnectorServiceClient) (*connectorv1.Connector, error) {
	response, err := client.GetConnector(r.Context(), &connectorv1.GetConnectorRequest{Name: r.connector(), Reveal: true})
	if err != nil {
		return nil, orNotFound(err, "Connector %.300s not found", r.connector())
	}
	return response.GetConnector(), nil
}

// asGiven returns a connector that was just written, with its configuration as a read shows it, for
// tools that compare the two: whoever may see literal secrets sees them in both. If it cannot be
// read yet, secrets stay masked.
func (s *connectors) asGiven(r *request, written *connectorv1.Connector) *connectorv1.Connector {
	response, err := s.client.GetConnector(r.Context(),
		&connectorv1.GetConnectorRequest{Name: written.GetName(), Reveal: true})
	if err != nil {
		return written
	}
	read := response.GetConnector().GetConfig()
	if maps.EqualFunc(written.GetConfig(), read, func(written, read string) bool {
		return written == read || strings.Contains(written, catalogue.Mask)
	}) {
		written.Config = read
	}
	return written
}

func (s *connectors) get(r *request) (*answer, error) {
	found, err := connectorOf(r, s.client)
	if err != nil {
		return nil, err
	}
	return ok(infoOf(found)), nil
}

func (s *connectors) config(r *request) (*answer, error) {
	found, err := connectorOf(r, s.client)
	if err != nil {
		return nil, err
	}
	return ok(found.GetConfig()), nil
}

func (s *connectors) putConfig(r *request) (*answer, error) {
	config, null, err := r.config()
	if err != nil {
		return nil, err
	}
	if err := s.refuseNull(r, r.connector(), config, null); err != nil {
		return nil, err
	}
	response, err := s.client.UpdateConnectorConfig(r.Context(),
		&connectorv1.UpdateConnectorConfigRequest{Name: r.connector(), Config: config})
	if err != nil {
		return nil, err
	}
	if response.GetCreated() {
		return created(r, s.asGiven(r, response.GetConnector())).warned(response.GetWarnings()), nil
	}
	return ok(infoOf(s.asGiven(r, response.GetConnector()))).warned(response.GetWarnings()), nil
}

// patchConfig merges as in KIP-477: null removes a key, and no connector is created.
func (s *connectors) patchConfig(r *request) (*answer, error) {
	config, remove, err := r.config()
	if err != nil {
		return nil, err
	}
	response, err := s.client.PatchConnectorConfig(r.Context(),
		&connectorv1.PatchConnectorConfigRequest{Name: r.connector(), Config: config, Remove: remove})
	if err != nil {
		return nil, orNotFound(err, "Connector %.300s not found", r.connector())
	}
	return ok(infoOf(s.asGiven(r, response.GetConnector()))).warned(response.GetWarnings()), nil
}

func (s *connectors) delete(r *request) (*answer, error) {
	response, err := s.client.DeleteConnector(r.Context(), &connectorv1.DeleteConnectorRequest{Name: r.connector()})
	if err != nil {
		return nil, orNotFound(err, "Connector %.300s not found", r.connector())
	}
	return empty(http.StatusNoContent).warned(response.GetWarnings()), nil
}
