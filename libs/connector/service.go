package connector

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/connector/state"
)

// service answers ConnectorService for the connectors of one fleet. Any worker takes any call: what a call changes is
// appended to the config topic, and the owner acts on it.
type service struct {
	connectorv1.UnimplementedConnectorServiceServer
	*Worker
	// changing is held while a call reads a configuration and appends what follows from it, so that calls to one
	// worker do not overtake each other. Of calls to different workers at the same moment the later one counts.
	changing sync.Mutex
}

// Server is the worker's side of ConnectorService.
func (w *Worker) Server() connectorv1.ConnectorServiceServer { return &service{Worker: w} }

// ours finds a connector of this fleet.
func (s *service) ours(name string) (state.Connector, Plugin, error) {
	if err := s.store.usable(); err != nil {
		return state.Connector{}, Plugin{}, storeUnavailable(err)
	}
	connector, ok := s.store.get(name)
	if !ok {
		return state.Connector{}, Plugin{}, connectorNotFound(name)
	}
	plugin, ok := s.plugins.of(connector.Config)
	if !ok {
		return state.Connector{}, Plugin{}, connectorNotFound(name)
	}
	return connector, plugin, nil
}

func (s *service) CreateConnector(ctx context.Context, request *connectorv1.CreateConnectorRequest) (*connectorv1.CreateConnectorResponse, error) {
	wanted, err := targetFor(request.GetInitialState())
	if err != nil {
		return nil, err
	}
	name, config, plugin, err := s.named(request.GetName(), request.GetConfig())
	if err != nil {
		return nil, err
	}
	if err := s.store.usable(); err != nil {
		return nil, storeUnavailable(err)
	}
	if request.GetCheck() { // before the lock, since it takes long
		v, err := s.creatable(name, plugin, config)
		if err == nil {
			err = errChecks("created", s.check(ctx, plugin, v))
		}
		if err != nil {
			return nil, err
		}
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	v, err := s.creatable(name, plugin, config)
	if err != nil {
		return nil, err
	}
	if err := s.store.append(ctx, s.config.ConfigTopic, name,
		append([]state.Entry{{Key: state.TargetKey + name, Value: wanted.Record()}}, s.versioned(ctx, state.Connector{}, v)...)...); err != nil {
		return nil, err
	}
	s.warn(name, v.warnings)
	s.logger.Info("connector created", "connector", name, "class", plugin.Class, "tasks", v.tasks, "target", wanted)
	return &connectorv1.CreateConnectorResponse{
		// No tasks yet: they begin when the owners have read the configuration.
		Connector: &connectorv1.Connector{Name: name, Type: typeMessage(plugin.Type), Config: secret.Masked(plugin.Catalogue, v.config)},
		Warnings:  messages(v.warnings),
	}, nil
}

// creatable validates a new connector, whose name no other may have.
func (s *service) creatable(name string, plugin Plugin, config map[string]string) (validated, error) {
	v := s.validate(plugin, config, nil)
	if len(v.problems) > 0 {
		return v, errInvalid(v.problems)
	}
	if _, taken := s.store.get(name); taken {
		return v, failure(codes.AlreadyExists, ReasonConnectorExists, fmt.Sprintf("Connector %s already exists", name))
	}
	return v, nil
}

func (s *service) GetConnector(_ context.Context, request *connectorv1.GetConnectorRequest) (*connectorv1.GetConnectorResponse, error) {
	connector, plugin, err := s.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	message := s.message(connector, plugin)
	if request.GetReveal() && s.config.RevealSecrets {
		message.Config = connector.Properties()
	}
	return &connectorv1.GetConnectorResponse{Connector: message}, nil
}

func (s *service) ListConnectors(context.Context, *connectorv1.ListConnectorsRequest) (*connectorv1.ListConnectorsResponse, error) {
	if err := s.store.usable(); err != nil {
		return nil, storeUnavailable(err)
	}
	response := &connectorv1.ListConnectorsResponse{}
	for _, connector := range s.store.configured() {
		if plugin, ok := s.plugins.of(connector.Config); ok {
			response.Connectors = append(response.Connectors, s.message(connector, plugin))
		}
	}
	slices.SortFunc(response.Connectors, func(a, b *connectorv1.Connector) int { return strings.Compare(a.GetName(), b.GetName()) })
	return response, nil
}

func (s *service) UpdateConnectorConfig(ctx context.Context, request *connectorv1.UpdateConnectorConfigRequest) (*connectorv1.UpdateConnectorConfigResponse, error) {
	name, config, plugin, err := s.named(request.GetName(), request.GetConfig())
	if err != nil {
		return nil, err
	}
	if err := s.store.usable(); err != nil {
		return nil, storeUnavailable(err)
	}
	if request.GetCheck() { // before the lock, since it takes long
		earlier, err := s.replaceable(name)
		if err == nil {
			err = s.checkConfig(ctx, plugin, config, earlier)
		}
		if err != nil {
			return nil, err
		}
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	earlier, err := s.replaceable(name)
	if err != nil {
		return nil, err
	}
	connector, warnings, err := s.put(ctx, name, plugin, config, earlier)
	if err != nil {
		return nil, err
	}
	return &connectorv1.UpdateConnectorConfigResponse{Connector: connector, Created: !earlier.Exists(), Warnings: warnings}, nil
}

// replaceable finds the connector whose configuration a call replaces, which need not exist: then it has no configuration.
func (s *service) replaceable(name string) (state.Connector, error) {
	earlier, exists := s.store.get(name)
	if !exists {
		return state.Connector{}, nil
	}
	if _, ok := s.plugins.of(earlier.Config); !ok {
		return state.Connector{}, failure(codes.AlreadyExists, ReasonConnectorExists, fmt.Sprintf("Connector %s already exists as one of another type (connector.class %s); delete it before using its name", name, earlier.Config["connector.class"]))
	}
	return earlier, nil
}

// checkConfig looks at Kafka and at the source or target of a configuration that shall replace an earlier one.
func (s *service) checkConfig(ctx context.Context, plugin Plugin, config map[string]string, earlier state.Connector) error {
	v := s.validate(plugin, config, earlier.Config)
	if len(v.problems) > 0 {
		return errInvalid(v.problems)
	}
	undone := "changed"
	if !earlier.Exists() {
		undone = "created"
	}
	return errChecks(undone, s.check(ctx, plugin, v))
}

func (s *service) PatchConnectorConfig(ctx context.Context, request *connectorv1.PatchConnectorConfigRequest) (*connectorv1.PatchConnectorConfigResponse, error) {
	if request.GetCheck() { // before the lock, since it takes long
		earlier, config, plugin, err := s.merged(request)
		if err == nil {
			err = s.checkConfig(ctx, plugin, config, earlier)
		}
		if err != nil {
			return nil, err
		}
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	earlier, config, plugin, err := s.merged(request)
	if err != nil {
		return nil, err
	}
	connector, warnings, err := s.put(ctx, earlier.Name, plugin, config, earlier)
	if err != nil {
		return nil, err
	}
	return &connectorv1.PatchConnectorConfigResponse{Connector: connector, Warnings: warnings}, nil
}

// merged is the configuration that a patch makes of the present one.
func (s *service) merged(request *connectorv1.PatchConnectorConfigRequest) (earlier state.Connector, config map[string]string, plugin Plugin, err error) {
	if earlier, _, err = s.ours(request.GetName()); err != nil {
		return earlier, nil, plugin, err
	}
	merged := maps.Clone(earlier.Config)
	maps.Copy(merged, request.GetConfig())
	for _, key := range request.GetRemove() {
		delete(merged, key)
	}
	_, config, plugin, err = s.named(earlier.Name, merged)
	return earlier, config, plugin, err
}

// put replaces a configuration, or makes a connector that does not exist; s.changing is held.
func (s *service) put(ctx context.Context, name string, plugin Plugin, config map[string]string, earlier state.Connector) (*connectorv1.Connector, []string, error) {
	exists := earlier.Exists()
	v := s.validate(plugin, config, earlier.Config)
	if len(v.problems) > 0 {
		return nil, nil, errInvalid(v.problems)
	}
	entries := s.versioned(ctx, earlier, v)
	if !exists {
		entries = append([]state.Entry{{Key: state.TargetKey + name, Value: state.TargetStarted.Record()}}, entries...)
	}
	if err := s.store.append(ctx, s.config.ConfigTopic, name, entries...); err != nil {
		return nil, nil, err
	}
	s.warn(name, v.warnings)
	s.logger.Info("connector configured", "connector", name, "class", plugin.Class, "tasks", v.tasks)
	message := &connectorv1.Connector{Name: name, Type: typeMessage(plugin.Type), Config: secret.Masked(plugin.Catalogue, v.config)}
	if exists {
		message.Tasks = s.taskNumbers(earlier.Target, v.tasks)
	}
	return message, messages(v.warnings), nil
}

func (s *service) DeleteConnector(ctx context.Context, request *connectorv1.DeleteConnectorRequest) (*connectorv1.DeleteConnectorResponse, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	connector, _, err := s.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	name := connector.Name
	// The versions go first, so that a connector of the same name never finds another's; the target goes last: without it a
	// connector would be started.
	var entries []state.Entry
	for key := range s.store.history(name) {
		entries = append(entries, state.Entry{Key: key})
	}
	entries = append(entries, state.Entry{Key: state.ConnectorKey + name}, state.Entry{Key: state.RestartKey + name})
	for n := range connector.Tasks {
		entries = append(entries, state.Entry{Key: state.RestartTaskKey + state.TaskID{Connector: name, Task: n}.String()})
	}
	if err := s.store.append(ctx, s.config.ConfigTopic, name, append(entries, state.Entry{Key: state.TargetKey + name})...); err != nil {
		return nil, err
	}
	s.forgetAll(name, connector.Statuses)
	s.logger.Info("connector deleted", "connector", name)
	return &connectorv1.DeleteConnectorResponse{}, nil
}

// named checks the name of a connector, in the request and in its configuration, and finds the class it asks for. The
// configuration returned holds the name.
func (s *service) named(name string, config map[string]string) (string, map[string]string, Plugin, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		name = strings.TrimSpace(config["name"])
	}
	if err := catalogue.ConnectorName(name); err != nil {
		return "", nil, Plugin{}, invalidField(ReasonConfigInvalid, "name", fmt.Sprintf("%s\nInvalid value %.300s for configuration name: %s", invalidHeading(1), name, err))
	}
	if given, ok := config["name"]; ok && given != name {
		return "", nil, Plugin{}, invalidField(ReasonConfigInvalid, "config.name",
			fmt.Sprintf("Connector name configuration (%.300s) doesn't match connector name in the URL (%s)", given, name))
	}
	plugin, err := s.class(name, config)
	return name, state.WithName(config, name), plugin, err
}

// class finds the plugin of a configuration.
func (s *service) class(name string, config map[string]string) (Plugin, error) {
	if strings.TrimSpace(config["connector.class"]) == "" {
		return Plugin{}, invalidField(ReasonConfigInvalid, "config.connector.class", fmt.Sprintf("Connector config {name=%s} contains no connector type", name))
	}
	plugin, ok := s.plugins.of(config)
	if !ok {
		return Plugin{}, invalidField(ReasonPluginNotFound, "config.connector.class", fmt.Sprintf(
			"Failed to find any class that implements Connector and which name matches %.300s, available connectors are: %s", config["connector.class"], strings.Join(s.plugins.classes(), ", ")))
	}
	return plugin, nil
}

// message shows a connector as callers may see it.
func (s *service) message(connector state.Connector, plugin Plugin) *connectorv1.Connector {
	config := connector.Properties()
	return &connectorv1.Connector{
		Name:     connector.Name,
		Type:     typeMessage(plugin.Type),
		Config:   secret.Masked(plugin.Catalogue, config),
		Tasks:    s.taskNumbers(connector.Target, s.taskCount(plugin, connector)),
		Warnings: warningsOf(plugin, config),
	}
}

// taskNumbers counts from 0; a stopped connector has no tasks.
func (s *service) taskNumbers(target state.Target, tasks int) []int32 {
	if target == state.TargetStopped {
		return nil
	}
	numbers := make([]int32, tasks)
	for n := range numbers {
		numbers[n] = int32(n)
	}
	return numbers
}

func targetFor(initial connectorv1.State) (state.Target, error) {
	switch initial {
	case connectorv1.State_STATE_UNSPECIFIED, connectorv1.State_STATE_RUNNING:
		return state.TargetStarted, nil
	case connectorv1.State_STATE_PAUSED:
		return state.TargetPaused, nil
	case connectorv1.State_STATE_STOPPED:
		return state.TargetStopped, nil
	}
	return "", invalidField(ReasonConfigInvalid, "initial_state", fmt.Sprintf("Invalid initial_state %s: want RUNNING, PAUSED or STOPPED", initial))
}

func typeMessage(t Type) connectorv1.ConnectorType {
	if t == Source {
		return connectorv1.ConnectorType_CONNECTOR_TYPE_SOURCE
	}
	return connectorv1.ConnectorType_CONNECTOR_TYPE_SINK
}

// warn logs what was accepted but deserves attention: the REST API has no place for it in its answer.
func (s *service) warn(connector string, warnings []catalogue.Problem) {
	for _, warning := range warnings {
		// Bound, since a message that was written a moment ago with the same bound attributes is held back.
		s.logger.With("connector", connector, "key", warning.Key).Warn("connector configuration", "warning", warning.Message)
	}
}

func messages(problems []catalogue.Problem) []string {
	var texts []string
	for _, problem := range problems {
		texts = append(texts, strings.ToValidUTF8(problem.Message, "\uFFFD"))
	}
	return texts
}
