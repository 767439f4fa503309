package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/classes"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// maxVersionsBytes bounds the configurations of one answer in bytes, below the largest message that services take.
const maxVersionsBytes = 3 << 20

// versioned returns the records that make a checked configuration the present one.
func (s *configurations) versioned(ctx context.Context, earlier state.Connector, v classes.Checked) []state.Entry {
	name := v.Config["name"]
	next := state.ConfigRecord{Properties: v.Config, Tasks: v.Tasks, Made: time.Now().UnixMilli(), Actor: rpc.Caller(ctx)}
	return earlier.Change(s.fleet.store.Known.History(name), name, next)
}

func (s *configurations) ListConfigVersions(_ context.Context,
	request *connectorv1.ListConfigVersionsRequest) (*connectorv1.ListConfigVersionsResponse, error) {
	c, plugin, err := s.fleet.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	response := &connectorv1.ListConfigVersionsResponse{}
	size := 0
	for _, version := range c.Versions(s.fleet.store.Known.History(c.Name)) {
		for key, value := range version.Properties {
			size += len(key) + len(value)
		}
		if size > maxVersionsBytes {
			break
		}
		keys := plugin.Catalogue
		if its, ok := s.fleet.classes.Of(version.Properties); ok {
			keys = its.Catalogue
		}
		response.Versions = append(response.Versions, &connectorv1.ConfigVersion{
			Version: version.Version, Time: timestamppb.New(time.UnixMilli(version.Made)), Actor: version.Actor,
			Config: secret.Masked(keys, version.Properties), ChangedKeys: shownNames(keys, version.Changed),
		})
	}
	return response, nil
}

func (s *configurations) RollbackConnectorConfig(ctx context.Context,
	request *connectorv1.RollbackConnectorConfigRequest) (*connectorv1.RollbackConnectorConfigResponse, error) {
	if request.GetVersion() < 1 {
		return nil, invalidField(connector.ReasonConfigInvalid, "version",
			fmt.Sprintf("version is %d, want one that ListConfigVersions returns", request.GetVersion()))
	}
	s.fleet.changing.Lock()
	defer s.fleet.changing.Unlock()
	c, plugin, err := s.fleet.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	kept := c.Versions(s.fleet.store.Known.History(c.Name))
	at := slices.IndexFunc(kept, func(v state.ConfigRecord) bool { return v.Version == request.GetVersion() })
	switch {
	case at < 0:
		return nil, failure(codes.NotFound, connector.ReasonVersionNotFound, fmt.Sprintf(
			"Connector %s has no version %d; versions from %d to %d are kept", c.Name, request.GetVersion(),
			kept[len(kept)-1].Version, kept[0].Version))
	case at == 0:
		return &connectorv1.RollbackConnectorConfigResponse{Connector: s.message(c, plugin)}, nil
	}
	name, config, plugin, err := s.named(c.Name, kept[at].Properties)
	if err != nil {
		return nil, err
	}
	message, warnings, err := s.put(ctx, name, plugin, config, c, kept[at].Properties)
	if err != nil {
		return nil, err
	}
	s.fleet.logger.Info("connector rolled back", "connector", name, "from", kept[0].Version, "to", request.GetVersion())
	return &connectorv1.RollbackConnectorConfigResponse{Connector: message, Warnings: warnings}, nil
}
