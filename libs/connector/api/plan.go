package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/connector/state"
)

func (s *configurations) PlanConnectorConfig(_ context.Context,
	request *connectorv1.PlanConnectorConfigRequest) (*connectorv1.PlanConnectorConfigResponse, error) {
	if err := s.whole(request); err != nil {
		return nil, err
	}
	name, config, plugin, err := s.named(request.GetName(), request.GetConfig())
	if err != nil {
		return nil, err
	}
	if err := s.fleet.store.Usable(); err != nil {
		return nil, storeUnavailable(err)
	}
	earlier, err := s.replaceable(name)
	if err != nil {
		return nil, err
	}
	v := s.fleet.classes.Validate(plugin, config, earlier.Config)
	if len(v.Problems) > 0 {
		return nil, errInvalid(v.Problems, v.Warnings)
	}
	response := &connectorv1.PlanConnectorConfigResponse{Creates: !earlier.Exists(), Warnings: messages(v.Warnings)}
	if !earlier.Exists() {
		return response, nil
	}
	before := state.WithName(earlier.Config, name)
	response.Changes = keyChanges(plugin.Catalogue, before, v.Config)
	if len(response.Changes) == 0 {
		return response, nil
	}
	response.Consequences = []*connectorv1.Consequence{s.restartOf(earlier, plugin, v.Tasks)}
	for _, following := range plugin.Catalogue.Consequences(s.fleet.classes.StoredValues(plugin, earlier), v.Values) {
		response.Consequences = append(response.Consequences, &connectorv1.Consequence{
			Effect: string(following.Consequence.Effect), Keys: shownNames(plugin.Catalogue, following.Keys),
			Detail: following.Consequence.Doc})
	}
	return response, nil
}

// shownNames are names of keys as callers may see them.
func shownNames(keys *catalogue.Catalogue, names []string) []string {
	shown := slices.Clone(names)
	for i, name := range shown {
		shown[i] = keys.ShownName(name)
	}
	return shown
}

// whole refuses to plan what cannot be a whole configuration, such as the changed keys alone.
func (s *configurations) whole(request *connectorv1.PlanConnectorConfigRequest) error {
	if strings.TrimSpace(request.GetConfig()["connector.class"]) != "" {
		return nil
	}
	if _, exists := s.fleet.store.Known.Connector(request.GetName()); !exists {
		return invalidField(connector.ReasonConfigInvalid, "config.connector.class", fmt.Sprintf(
			"Connector config {name=%.300s} contains no connector type, and there is no connector of that name yet: set connector.class; calypsoctl get plugins and GET /connector-plugins list the classes", request.GetName()))
	}
	return invalidField(connector.ReasonConfigInvalid, "config.connector.class", fmt.Sprintf(
		"Connector config {name=%.300s} contains no connector type: a plan wants the whole configuration that is to be, and not its changed keys alone. Take the present one (calypsoctl export %.300[1]s, or GET /v1/connectors/%.300[1]s), and change the keys there", request.GetName()))
}

// keyChanges are the keys in which two configurations differ, secrets masked.
func keyChanges(keys *catalogue.Catalogue, before, after map[string]string) []*connectorv1.KeyChange {
	was, is := secret.Masked(keys, before), secret.Masked(keys, after)
	wasNamed, isNamed := secret.ShownNames(keys, before), secret.ShownNames(keys, after)
	var changes []*connectorv1.KeyChange
	for _, key := range state.ChangedKeys(before, after) {
		change := &connectorv1.KeyChange{Key: keys.ShownName(key)}
		if value, ok := was[wasNamed[key]]; ok {
			change.Old = &value
		}
		if value, ok := is[isNamed[key]]; ok {
			change.New = &value
		}
		changes = append(changes, change)
	}
	return changes
}

// restartOf says what happens to the tasks when any key changes.
func (s *configurations) restartOf(c state.Connector, plugin connector.Plugin, tasks int) *connectorv1.Consequence {
	consequence := &connectorv1.Consequence{Effect: string(catalogue.TasksRestart)}
	before := s.fleet.classes.TaskCount(plugin, c)
	switch {
	case c.Target == state.TargetStopped:
		consequence.Effect = string(catalogue.NoEffectYet)
		consequence.Detail = "The connector is stopped: the configuration counts when it is resumed."
	case before != tasks:
		consequence.Detail = fmt.Sprintf("The tasks start again, %d instead of %d, and go on where they stopped.", tasks,
			before)
	case tasks == 1:
		consequence.Detail = "The task starts again and goes on where it stopped."
	default:
		consequence.Detail = fmt.Sprintf("The %d tasks start again and go on where they stopped.", tasks)
	}
	return consequence
}
