package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/classes"
	"github.com/calypso-cdc/calypso/libs/connector/preflight"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
)

// plugins answers the calls about connector classes.
type plugins struct {
	fleet   *fleet
	checker *preflight.Checker
}

func (s *plugins) ListPlugins(context.Context, *connectorv1.ListPluginsRequest) (*connectorv1.ListPluginsResponse,
	error) {
	response := &connectorv1.ListPluginsResponse{}
	for _, plugin := range s.fleet.classes.All() {
		response.Plugins = append(response.Plugins, &connectorv1.Plugin{Class: plugin.Class, Type: typeMessage(plugin.Type),
			Version: plugin.Version, Aliases: plugin.Aliases})
	}
	return response, nil
}

func (s *plugins) GetPluginConfig(_ context.Context,
	request *connectorv1.GetPluginConfigRequest) (*connectorv1.GetPluginConfigResponse, error) {
	plugin, err := s.plugin(request.GetPlugin())
	if err != nil {
		return nil, err
	}
	// As in Kafka Connect, the connector's own keys come before the framework's; ValidateConfig has them the other
	// way round.
	keys := configKeys(plugin.Catalogue)
	framework := catalogue.SinkFramework()
	if plugin.Type == connector.Source {
		framework = catalogue.SourceFramework()
	}
	isFramework := func(key *connectorv1.ConfigKey) bool {
		return slices.ContainsFunc(framework, func(k catalogue.Key) bool { return k.Name == key.GetName() })
	}
	return &connectorv1.GetPluginConfigResponse{Keys: slices.Concat(
		slices.DeleteFunc(slices.Clone(keys), isFramework),
		slices.DeleteFunc(keys, func(key *connectorv1.ConfigKey) bool { return !isFramework(key) }),
	)}, nil
}

func (s *plugins) plugin(name string) (connector.Plugin, error) {
	plugin, ok := s.fleet.classes.Named(name)
	if !ok {
		return connector.Plugin{}, failure(codes.NotFound, connector.ReasonPluginNotFound,
			fmt.Sprintf("Unknown plugin %.300s.", name))
	}
	return plugin, nil
}

func (s *plugins) ValidateConfig(ctx context.Context,
	request *connectorv1.ValidateConfigRequest) (*connectorv1.ValidateConfigResponse, error) {
	plugin, err := s.plugin(request.GetPlugin())
	if err != nil {
		return nil, err
	}
	config := request.GetConfig()
	if class, given := config["connector.class"]; given {
		if included, ok := s.fleet.classes.Named(strings.TrimSpace(class)); !ok || included.Class != plugin.Class {
			return nil, invalidField(connector.ReasonConfigInvalid, "config.connector.class",
				fmt.Sprintf("Included connector type %.300s does not match request type %.300s", class, request.GetPlugin()))
		}
	}
	var earlier map[string]string
	if c, ok := s.fleet.store.Known.Connector(config["name"]); ok {
		earlier = c.Config
	}
	v := s.fleet.classes.Validate(plugin, config, earlier)
	response := &connectorv1.ValidateConfigResponse{Name: plugin.Class, Values: configValues(v.Keys, v)}
	for _, value := range response.Values {
		response.ErrorCount += int32(len(value.Errors))
	}
	if request.GetOffline() || len(v.Problems) > 0 {
		return response, nil
	}
	for _, check := range s.checker.Check(ctx, plugin, v) {
		response.Checks = append(response.Checks, &connectorv1.Check{Name: check.Name, Ok: check.OK, Detail: check.Detail,
			Remedy: check.Remedy})
		if !check.OK {
			response.ErrorCount++
		}
	}
	return response, nil
}

// configKeys are the declared keys in order. Families without a pattern have no single key that could be shown in a
// form and are left out.
func configKeys(keys *catalogue.Catalogue) []*connectorv1.ConfigKey {
	var messages []*connectorv1.ConfigKey
	inGroup := map[string]int32{}
	for _, key := range keys.Keys() {
		if key.Hidden {
			continue
		}
		if strings.HasSuffix(key.Name, "*") {
			if key.Pattern == "" {
				continue
			}
			key.Name = key.Pattern
		}
		inGroup[key.Group]++
		if key.Order > 0 {
			inGroup[key.Group] = int32(key.Order)
		}
		messages = append(messages, configKey(key, inGroup[key.Group]))
	}
	return messages
}

func configKey(key catalogue.Key, order int32) *connectorv1.ConfigKey {
	message := &connectorv1.ConfigKey{
		Name: key.Name, Type: string(key.Type), Required: key.Required, Importance: string(key.Importance),
		Documentation: key.Doc,
		Group:         key.Group, OrderInGroup: order, Width: string(key.Width), DisplayName: key.DisplayName,
		Aliases:           key.Aliases,
		RecommendedValues: key.Allowed, Unsupported: key.Unsupported, Dependents: key.Dependents,
	}
	if key.Dialect == catalogue.Field {
		message.Required = false // as in Debezium, which checks it by itself
	}
	if key.Default != nil {
		message.HasDefault = true
		if key.Type != catalogue.Password {
			message.DefaultValue = *key.Default
		}
	}
	if message.Importance == "" {
		message.Importance = string(catalogue.Medium)
	}
	if message.Width == "" {
		message.Width = "NONE"
	}
	if message.DisplayName == "" {
		message.DisplayName = key.Name
	}
	return message
}

// configValues pairs every declared key with its value and what is wrong with it; then come the keys that were given
// but are members of a family or not known.
func configValues(keys *catalogue.Catalogue, v classes.Checked) []*connectorv1.ConfigValue {
	shown := secret.Masked(keys, v.Config)
	var values []*connectorv1.ConfigValue
	byName := map[string]*connectorv1.ConfigValue{}
	for _, key := range configKeys(keys) {
		value := &connectorv1.ConfigValue{Key: key}
		names := append([]string{key.Name}, key.Aliases...)
		given := slices.IndexFunc(names, func(name string) bool { _, ok := shown[name]; return ok })
		switch {
		case given >= 0:
			text := shown[names[given]]
			value.Value = &text
		case key.HasDefault && key.Type != string(catalogue.Password) && !speaksField(keys, key.Name):
			value.Value = &key.DefaultValue
		}
		for _, name := range names {
			byName[name] = value
		}
		values = append(values, value)
	}
	valueOf := func(name string) *connectorv1.ConfigValue {
		if value, ok := byName[name]; ok {
			return value
		}
		key := &connectorv1.ConfigKey{Name: name, Type: string(catalogue.String), Importance: string(catalogue.Low),
			Group: "Compatibility", Width: "NONE", DisplayName: name}
		if family, ok := keys.Lookup(name); ok {
			key.Type, key.Documentation, key.Group = string(family.Type), family.Doc, family.Group
		}
		value := &connectorv1.ConfigValue{Key: key}
		if text, ok := shown[name]; ok {
			value.Value = &text
		}
		byName[name] = value
		values = append(values, value)
		return value
	}
	for _, problem := range v.Problems {
		value := valueOf(problem.Key)
		value.Errors = append(value.Errors, strings.ToValidUTF8(problem.Message, "\uFFFD"))
	}
	for _, problem := range v.Warnings {
		value := valueOf(problem.Key)
		value.Warnings = append(value.Warnings, strings.ToValidUTF8(problem.Message, "\uFFFD"))
	}
	return values
}

// speaksField reports whether a key is one of Debezium's, which show a value only if they are set.
func speaksField(keys *catalogue.Catalogue, name string) bool {
	key, _ := keys.Lookup(name)
	return key.Dialect == catalogue.Field
}
