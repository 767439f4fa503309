package admin

import (
	"context"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

// definitions are the calls about what connectors are: their configurations and versions, and what
// a configuration may hold.
type definitions struct {
	fleets []*fleet
}

func (d definitions) CreateConnector(ctx context.Context,
	q *connectorv1.CreateConnectorRequest) (*connectorv1.CreateConnectorResponse, error) {
	return byClass(ctx, d.fleets, q.Config, q, connectorv1.ConnectorServiceClient.CreateConnector)
}

func (d definitions) UpdateConnectorConfig(ctx context.Context,
	q *connectorv1.UpdateConnectorConfigRequest) (*connectorv1.UpdateConnectorConfigResponse, error) {
	return byClass(ctx, d.fleets, q.Config, q, connectorv1.ConnectorServiceClient.UpdateConnectorConfig)
}

func (d definitions) PlanConnectorConfig(ctx context.Context,
	q *connectorv1.PlanConnectorConfigRequest) (*connectorv1.PlanConnectorConfigResponse, error) {
	return byClass(ctx, d.fleets, q.Config, q, connectorv1.ConnectorServiceClient.PlanConnectorConfig)
}

func (d definitions) ListConfigVersions(ctx context.Context,
	q *connectorv1.ListConfigVersionsRequest) (*connectorv1.ListConfigVersionsResponse, error) {
	return byName(ctx, d.fleets, q, connectorv1.ConnectorServiceClient.ListConfigVersions)
}

func (d definitions) RollbackConnectorConfig(ctx context.Context,
	q *connectorv1.RollbackConnectorConfigRequest) (*connectorv1.RollbackConnectorConfigResponse, error) {
	return byName(ctx, d.fleets, q, connectorv1.ConnectorServiceClient.RollbackConnectorConfig)
}

func (d definitions) GetConnector(ctx context.Context,
	q *connectorv1.GetConnectorRequest) (*connectorv1.GetConnectorResponse, error) {
	return byName(ctx, d.fleets, q, connectorv1.ConnectorServiceClient.GetConnector)
}

func (d definitions) PatchConnectorConfig(ctx context.Context,
	q *connectorv1.PatchConnectorConfigRequest) (*connectorv1.PatchConnectorConfigResponse, error) {
	return byName(ctx, d.fleets, q, connectorv1.ConnectorServiceClient.PatchConnectorConfig)
}

func (d definitions) DeleteConnector(ctx context.Context,
	q *connectorv1.DeleteConnectorRequest) (*connectorv1.DeleteConnectorResponse, error) {
	return byName(ctx, d.fleets, q, connectorv1.ConnectorServiceClient.DeleteConnector)
}

func (d definitions) GetPluginConfig(ctx context.Context,
	q *connectorv1.GetPluginConfigRequest) (*connectorv1.GetPluginConfigResponse, error) {
	return toOwner(ctx, d.fleets, connector.ReasonPluginNotFound, q, connectorv1.ConnectorServiceClient.GetPluginConfig)
}

func (d definitions) ValidateConfig(ctx context.Context,
	q *connectorv1.ValidateConfigRequest) (*connectorv1.ValidateConfigResponse, error) {
	return toOwner(ctx, d.fleets, connector.ReasonPluginNotFound, q, connectorv1.ConnectorServiceClient.ValidateConfig)
}
