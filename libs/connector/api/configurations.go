package api

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/classes"
	"github.com/calypso-cdc/calypso/libs/connector/preflight"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/connector/state"
)

// configurations answers the calls that make, read and change configurations.
type configurations struct {
	fleet   *fleet
	checker *preflight.Checker
}

func (s *configurations) CreateConnector(ctx context.Context,
	request *connectorv1.CreateConnectorRequest) (*connectorv1.CreateConnectorResponse, error) {
	wanted, err := targetFor(request.GetInitialState())
	if err != nil {
		return nil, err
	}
	named := cmp.Or(catalogue.Trimmed(request.GetName()), catalogue.Trimmed(request.GetConfig()["name"]))
	name, config, plugin, err := s.named(named, request.GetConfig())
	if err != nil {
		return nil, err
	}
	if err := s.fleet.store.Usable(); err != nil {
		return nil, storeUnavailable(err)
	}
	if request.GetCheck() { // before the lock, since it takes long
		v, err := s.creatable(name, plugin, config)
		if err == nil {
			err = errChecks("created", s.checker.Check(ctx, plugin, v))
		}
		if err != nil {
			return nil, err
		}
	}
	s.fleet.changing.Lock()
	defer s.fleet.changing.Unlock()
	v, err := s.creatable(name, plugin, config)
	if err != nil {
		return nil, err
	}
	if err := s.fleet.append(ctx, s.fleet.config.ConfigTopic, name,
		append([]state.Entry{{Key: state.TargetKey + name, Value: wanted.Record()}},
			s.versioned(ctx, state.Connector{}, v)...)...); err != nil {
		return nil, err
	}
	s.fleet.warn(name, v.Warnings)
	s.fleet.logger.Info("connector created", "connector", name, "class", plugin.Class, "tasks", v.Tasks, "target", wanted)
	return &connectorv1.CreateConnectorResponse{
		// No tasks yet: they begin when the owners have read the configuration.
		Connector: &connectorv1.Connector{Name: name, Type: typeMessage(plugin.Type),
			Config: secret.Masked(plugin.Catalogue, v.Config)},
		Warnings: messages(v.Warnings),
	}, nil
}

// creatable validates a new connector; its name must be free.
func (s *configurations) creatable(name string, plugin connector.Plugin,
	config map[string]string) (classes.Checked, error) {
	v := s.fleet.classes.Validate(plugin, config, nil)
	if len(v.Problems) > 0 {
		return v, errInvalid(v.Problems, v.Warnings)
	}
	if _, taken := s.fleet.store.Known.Connector(name); taken {
		return v, failure(codes.AlreadyExists, connector.ReasonConnectorExists,
			fmt.Sprintf("Connector %s already exists", name))
	}
	return v, nil
}

func (s *configurations) GetConnector(_ context.Context,
	request *connectorv1.GetConnectorRequest) (*connectorv1.GetConnectorResponse, error) {
	c, plugin, err := s.fleet.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	message := s.message(c, plugin)
	if request.GetReveal() && s.fleet.config.Secrets.RevealSecrets {
		message.Config = c.Properties()
	}
	return &connectorv1.GetConnectorResponse{Connector: message}, nil
}

func (s *configurations) ListConnectors(context.Context,
	*connectorv1.ListConnectorsRequest) (*connectorv1.ListConnectorsResponse, error) {
	if err := s.fleet.store.Usable(); err != nil {
		return nil, storeUnavailable(err)
	}
	response := &connectorv1.ListConnectorsResponse{}
	for _, c := range s.fleet.store.Known.Connectors() {
		if plugin, ok := s.fleet.classes.Of(c.Config); ok {
			response.Connectors = append(response.Connectors, s.message(c, plugin))
		}
	}
	slices.SortFunc(response.Connectors, func(a, b *connectorv1.Connector) int {
		return strings.Compare(a.GetName(), b.GetName())
	})
	return response, nil
}

func (s *configurations) UpdateConnectorConfig(ctx context.Context,
	request *connectorv1.UpdateConnectorConfigRequest) (*connectorv1.UpdateConnectorConfigResponse, error) {
	// If the request has no name, the one in the configuration counts.
	named := cmp.Or(request.GetName(), catalogue.Trimmed(request.GetConfig()["name"]))
	name, config, plugin, err := s.named(named, request.GetConfig())
	if err != nil {
		return nil, err
	}
	if err := s.fleet.store.Usable(); err != nil {
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
	s.fleet.changing.Lock()
	defer s.fleet.changing.Unlock()
	earlier, err := s.replaceable(name)
	if err != nil {
		return nil, err
	}
	message, warnings, err := s.put(ctx, name, plugin, config, earlier, earlier.Config)
	if err != nil {
		return nil, err
	}
	return &connectorv1.UpdateConnectorConfigResponse{Connector: message, Created: !earlier.Exists(), Warnings: warnings},
		nil
}

// replaceable finds the connector whose configuration a call replaces; the zero Connector if there
// is none yet. A connector of another fleet is an error.
func (s *configurations) replaceable(name string) (state.Connector, error) {
	earlier, exists := s.fleet.store.Known.Connector(name)
	if !exists {
		return state.Connector{}, nil
	}
	if _, ok := s.fleet.classes.Of(earlier.Config); !ok {
		return state.Connector{}, failure(codes.AlreadyExists, connector.ReasonConnectorExists,
			fmt.Sprintf(
				"Connector %s already exists as one of another type (connector.class %s); delete it before using its name", name,
				earlier.Config["connector.class"]))
	}
	return earlier, nil
}

// checkConfig looks at Kafka and at the source or target of a configuration that is to replace an
// earlier one.
func (s *configurations) checkConfig(ctx context.Context, plugin connector.Plugin, config map[string]string,
	earlier state.Connector) error {
	v := s.fleet.classes.Validate(plugin, config, earlier.Config)
	if len(v.Problems) > 0 {
		return errInvalid(v.Problems, v.Warnings)
	}
	undone := "changed"
	if !earlier.Exists() {
		undone = "created"
	}
	return errChecks(undone, s.checker.Check(ctx, plugin, v))
}

func (s *configurations) PatchConnectorConfig(ctx context.Context,
	request *connectorv1.PatchConnectorConfigRequest) (*connectorv1.PatchConnectorConfigResponse, error) {
	if request.GetCheck() { // before the lock, since it takes long
		earlier, config, plugin, err := s.merged(request)
		if err == nil {
			err = s.checkConfig(ctx, plugin, config, earlier)
		}
		if err != nil {
			return nil, err
		}
	}
	s.fleet.changing.Lock()
	defer s.fleet.changing.Unlock()
	earlier, config, plugin, err := s.merged(request)
	if err != nil {
		return nil, err
	}
	message, warnings, err := s.put(ctx, earlier.Name, plugin, config, earlier, earlier.Config)
	if err != nil {
		return nil, err
	}
	if other, given := request.GetConfig()["name"]; given && other != earlier.Name {
		warnings = append(warnings, fmt.Sprintf("name: connector %s keeps its name, and %.300s is not taken", earlier.Name, other))
	}
	return &connectorv1.PatchConnectorConfigResponse{Connector: message, Warnings: warnings}, nil
}

// merged applies a patch to the present configuration. Kafka Connect accepts a patch with another
// name and keeps both names, although the one in the configuration then names nothing; here the
// connector's name stays.
func (s *configurations) merged(request *connectorv1.PatchConnectorConfigRequest) (earlier state.Connector,
	config map[string]string, plugin connector.Plugin, err error) {
	if earlier, plugin, err = s.fleet.ours(request.GetName()); err != nil {
		return earlier, nil, plugin, err
	}
	meant := secret.MeantNames(plugin.Catalogue, earlier.Config)
	merged := maps.Clone(earlier.Config)
	maps.Copy(merged, request.GetConfig())
	for _, key := range request.GetRemove() {
		delete(merged, cmp.Or(meant[key], key))
	}
	if slices.Contains(request.GetRemove(), "name") {
		return earlier, nil, plugin, invalidField(connector.ReasonConfigInvalid, "remove",
			invalidHeading(1)+"\nMissing required configuration \"name\" which has no default value.")
	}
	if other, given := request.GetConfig()["name"]; given {
		if err := nameable(other); err != nil {
			return earlier, nil, plugin, err
		}
		merged["name"] = earlier.Name
	}
	_, config, plugin, err = s.named(earlier.Name, merged)
	return earlier, config, plugin, err
}

// put replaces a configuration, or makes a connector that does not exist; s.fleet.changing is held.
func (s *configurations) put(ctx context.Context, name string, plugin connector.Plugin, config map[string]string,
	earlier state.Connector, accepted map[string]string) (*connectorv1.Connector, []string, error) {
	exists := earlier.Exists()
	v := s.fleet.classes.Validate(plugin, config, accepted)
	if len(v.Problems) > 0 {
		return nil, nil, errInvalid(v.Problems, v.Warnings)
	}
	entries := s.versioned(ctx, earlier, v)
	if !exists {
		entries = append([]state.Entry{{Key: state.TargetKey + name, Value: state.TargetStarted.Record()}}, entries...)
	}
	if err := s.fleet.append(ctx, s.fleet.config.ConfigTopic, name, entries...); err != nil {
		return nil, nil, err
	}
	s.fleet.warn(name, v.Warnings)
	s.fleet.logger.Info("connector configured", "connector", name, "class", plugin.Class, "tasks", v.Tasks)
	message := &connectorv1.Connector{Name: name, Type: typeMessage(plugin.Type),
		Config: secret.Masked(plugin.Catalogue, v.Config)}
	if exists {
		message.Tasks = taskNumbers(earlier.Target, v.Tasks)
	}
	return message, messages(v.Warnings), nil
}

func (s *configurations) DeleteConnector(ctx context.Context,
	request *connectorv1.DeleteConnectorRequest) (*connectorv1.DeleteConnectorResponse, error) {
	s.fleet.changing.Lock()
	defer s.fleet.changing.Unlock()
	c, _, err := s.fleet.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	name := c.Name
	// The versions go first, so that a connector of the same name never finds another's; the target goes last:
	// without it a connector would be started.
	var entries []state.Entry
	for key := range s.fleet.store.Known.History(name) {
		entries = append(entries, state.Entry{Key: key})
	}
	entries = append(entries, state.Entry{Key: state.ConnectorKey + name}, state.Entry{Key: state.RestartKey + name})
	for n := range c.Tasks {
		entries = append(entries, state.Entry{Key: state.RestartTaskKey + state.TaskID{Connector: name, Task: n}.String()})
	}
	if err := s.fleet.append(ctx, s.fleet.config.ConfigTopic, name,
		append(entries, state.Entry{Key: state.TargetKey + name})...); err != nil {
		return nil, err
	}
	s.fleet.store.ForgetStatuses(name)
	s.fleet.logger.Info("connector deleted", "connector", name)
	return &connectorv1.DeleteConnectorResponse{}, nil
}

// named checks the name of a connector, in the request and in its configuration, and finds the class it asks for. The
// configuration returned holds the name.
func (s *configurations) named(name string, config map[string]string) (string, map[string]string,
	connector.Plugin, error) {
	if err := nameable(name); err != nil {
		return "", nil, connector.Plugin{}, err
	}
	if given, ok := config["name"]; ok && given != name {
		return "", nil, connector.Plugin{}, invalidField(connector.ReasonConfigInvalid, "config.name",
			fmt.Sprintf("Connector name configuration (%.300s) doesn't match connector name in the URL (%s)", given, name))
	}
	plugin, err := s.class(name, config)
	return name, state.WithName(config, name), plugin, err
}

// nameable returns why a name is not valid for a connector; nil if it is.
func nameable(name string) error {
	if err := catalogue.ConnectorName(name); err != nil {
		return invalidField(connector.ReasonConfigInvalid, "name",
			fmt.Sprintf("%s\nInvalid value %.300s for configuration name: %s", invalidHeading(1), name, err))
	}
	return nil
}

// class finds the plugin of a configuration.
func (s *configurations) class(name string, config map[string]string) (connector.Plugin, error) {
	if strings.TrimSpace(config["connector.class"]) == "" {
		return connector.Plugin{}, invalidField(connector.ReasonConfigInvalid, "config.connector.class",
			fmt.Sprintf("Connector config {name=%s} contains no connector type", name))
	}
	plugin, ok := s.fleet.classes.Of(config)
	if !ok {
		return connector.Plugin{}, connector.UnknownClass(config["connector.class"], s.fleet.classes.Names())
	}
	return plugin, nil
}

// message is a connector as callers may see it: with secrets masked.
func (s *configurations) message(c state.Connector, plugin connector.Plugin) *connectorv1.Connector {
	config := c.Properties()
	return &connectorv1.Connector{
		Name:     c.Name,
		Type:     typeMessage(plugin.Type),
		Config:   secret.Masked(plugin.Catalogue, config),
		Tasks:    taskNumbers(c.Target, s.fleet.classes.TaskCount(plugin, c)),
		Warnings: messages(s.fleet.classes.Warnings(plugin, config)),
	}
}

// taskNumbers lists the numbers of a connector's tasks, from 0; a stopped connector has none.
func taskNumbers(target state.Target, tasks int) []int32 {
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
	return "", invalidField(connector.ReasonConfigInvalid, "initial_state",
		fmt.Sprintf("Invalid initial_state %s: want RUNNING, PAUSED or STOPPED", initial))
}
