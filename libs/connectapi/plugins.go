package connectapi

import (
	"slices"
	"strings"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/parts"
)

// PluginInfo is one class that can be configured.
type PluginInfo struct {
	Class string `json:"class"`
	// Type is source, sink, transformation, predicate, converter or header_converter.
	Type    string `json:"type"`
	Version string `json:"version"`
}

// plugins handles the calls about classes.
type plugins struct {
	client connectorv1.ConnectorServiceClient
}

// list returns every full name that selects a connector, so that tools find the class they look
// for, and with connectorsOnly=false the other plugins too.
func (p *plugins) list(r *request) (*answer, error) {
	connectorsOnly, err := r.flag("connectorsOnly", true)
	if err != nil {
		return nil, err
	}
	response, err := p.client.ListPlugins(r.Context(), &connectorv1.ListPluginsRequest{ReturnPartialSuccess: true})
	if err != nil {
		return nil, err
	}
	plugins := []PluginInfo{}
	for _, plugin := range response.GetPlugins() {
		for _, name := range append([]string{plugin.GetClass()}, plugin.GetAliases()...) {
			if name == plugin.GetClass() || strings.Contains(name, ".") {
				plugins = append(plugins, PluginInfo{name, typeName(plugin.GetType()), plugin.GetVersion()})
			}
		}
	}
	if !connectorsOnly {
		for _, p := range parts.All() {
			if !p.Hidden {
				plugins = append(plugins, PluginInfo{p.Class, string(p.Kind), p.Version})
			}
		}
	}
	return ok(plugins).warned(response.GetUnreachable()), nil
}

// configKey is one definition. Clients before and after 4.3 read order and order_in_group.
type configKey struct {
	Name          string   `json:"name"`
	Type          string   `json:"type"`
	Required      bool     `json:"required"`
	DefaultValue  *string  `json:"default_value"`
	Importance    string   `json:"importance"`
	Documentation string   `json:"documentation"`
	Group         *string  `json:"group"`
	OrderInGroup  int32    `json:"order_in_group"`
	Order         int32    `json:"order"`
	Width         string   `json:"width"`
	DisplayName   string   `json:"display_name"`
	Dependents    []string `json:"dependents"`
}

func definitionOf(key *connectorv1.ConfigKey) configKey {
	definition := configKey{
		Name: key.GetName(), Type: key.GetType(), Required: key.GetRequired(), Importance: key.GetImportance(),
		Documentation: key.GetDocumentation(), OrderInGroup: -1, Order: -1, Width: key.GetWidth(),
		DisplayName: key.GetDisplayName(), Dependents: append([]string{}, key.GetDependents()...),
	}
	if key.GetUnsupported() != "" {
		definition.Documentation += " Not supported: " + key.GetUnsupported()
	}
	if key.GetGroup() != "" {
		group := key.GetGroup()
		definition.Group, definition.OrderInGroup, definition.Order = &group, key.GetOrderInGroup(), key.GetOrderInGroup()
	}
	if key.GetHasDefault() {
		value := key.GetDefaultValue()
		if key.GetType() == "PASSWORD" {
			value = "[hidden]"
		}
		definition.DefaultValue = &value
	}
	return definition
}

func (p *plugins) config(r *request) (*answer, error) {
	if p, known := parts.Find(r.path["plugin"], catalogue.Transformation, catalogue.Predicate,
		catalogue.Converter, catalogue.HeaderConverter); known {
		return ok(definitionsOf(p.Keys)), nil
	}
	response, err := p.client.GetPluginConfig(r.Context(), &connectorv1.GetPluginConfigRequest{Plugin: r.path["plugin"]})
	if err != nil {
		return nil, orNotFound(err, "Unknown plugin %.300s.", r.path["plugin"])
	}
	keys := []configKey{}
	for _, key := range response.GetKeys() {
		keys = append(keys, definitionOf(key))
	}
	return ok(keys), nil
}

// configInfos is the outcome of a validation.
type configInfos struct {
	Name       string       `json:"name"`
	ErrorCount int32        `json:"error_count"`
	Groups     []string     `json:"groups"`
	Configs    []configInfo `json:"configs"`
}

type configInfo struct {
	Definition configKey   `json:"definition"`
	Value      configValue `json:"value"`
}

type configValue struct {
	Name              string   `json:"name"`
	Value             *string  `json:"value"`
	RecommendedValues []string `json:"recommended_values"`
	Errors            []string `json:"errors"`
	Visible           bool     `json:"visible"`
}

// checksGroup holds the problems found at the source or target, one definition for each check,
// since Kafka Connect's answer has no other place for them.
const checksGroup = "Checks"

func (p *plugins) validate(r *request) (*answer, error) {
	config, null, err := r.config()
	if err != nil {
		return nil, err
	}
	plugin := r.path["plugin"]
	if _, given := config["connector.class"]; !given {
		named := ""
		if name, ok := config["name"]; ok {
			named = "name=" + name
		}
		return nil, badRequest("Connector config {%.300s} contains no connector type", named)
	}
	response, err := p.client.ValidateConfig(r.Context(),
		&connectorv1.ValidateConfigRequest{Plugin: plugin, Config: config})
	if err != nil {
		return nil, orNotFound(err, "Unknown plugin %.300s.", plugin)
	}
	all := []configInfo{}
	for _, value := range response.GetValues() {
		info := configInfo{definitionOf(value.GetKey()), configValue{
			Name: value.GetKey().GetName(), Value: value.Value, Visible: true, //nolint:protogetter // absent differs from empty
			RecommendedValues: append([]string{}, value.GetKey().GetRecommendedValues()...),
			Errors:            append([]string{}, value.GetErrors()...),
		}}
		for _, warning := range value.GetWarnings() {
			info.Definition.Documentation = strings.TrimSpace(info.Definition.Documentation + " Note: " + warning)
		}
		all = append(all, info)
	}
	all = withNull(withParts(all, config), null)
	for i, check := range response.GetChecks() {
		if check.GetOk() {
			continue
		}
		group, order := checksGroup, int32(i+1)
		all = append(all, configInfo{
			configKey{Name: check.GetName(), Type: "STRING", Importance: "HIGH", Documentation: check.GetRemedy(), Group: &group,
				OrderInGroup: order, Order: order, Width: "NONE", DisplayName: check.GetName(), Dependents: []string{}},
			configValue{Name: check.GetName(), RecommendedValues: []string{}, Visible: true,
				Errors: []string{connector.Check{Detail: check.GetDetail(), Remedy: check.GetRemedy()}.Said()}},
		})
	}
	infos := configInfos{Name: config["connector.class"], ErrorCount: response.GetErrorCount() + int32(len(null)),
		Groups: []string{}, Configs: all}
	seen := map[string]bool{"": true}
	for _, info := range all {
		if group := info.Definition.Group; group != nil && !seen[*group] {
			seen[*group] = true
			infos.Groups = append(infos.Groups, *group)
		}
	}
	return ok(infos), nil
}

// withNull adds the error of each key that is null.
func withNull(all []configInfo, null []string) []configInfo {
	for _, key := range null {
		i := slices.IndexFunc(all, func(info configInfo) bool { return info.Value.Name == key })
		if i < 0 {
			i = len(all)
			all = append(all, configInfo{
				configKey{Name: key, Type: "STRING", Importance: "LOW", OrderInGroup: -1, Order: -1, Width: "NONE",
					DisplayName: key, Dependents: []string{}},
				configValue{Name: key, RecommendedValues: []string{}, Visible: true},
			})
		}
		all[i].Value.Errors = append(all[i].Value.Errors, nullValue)
	}
	return all
}
