package admin

import (
	"context"
	"fmt"
	"time"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// definitions are the calls about what connectors are: their configurations and versions, and what
// a configuration may hold.
type definitions struct {
	fleets []*fleet
	// captures tells of the slot of a source that is to be deleted: nobody watches it from then on.
	captures capturev1.CaptureServiceServer
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
	slot := d.slotOf(ctx, q.Name)
	answer, err := byName(ctx, d.fleets, q, connectorv1.ConnectorServiceClient.DeleteConnector)
	if err == nil && slot != "" {
		answer.Warnings = append(answer.Warnings, fmt.Sprintf(
			"SELECT pg_drop_replication_slot(%s); once its connection has ended, unless somebody is to read the slot, "+
				"which stays: PostgreSQL keeps log for it", pgrepl.QuoteLiteral(slot)))
	}
	return answer, err
}

func (d definitions) GetPluginConfig(ctx context.Context,
	q *connectorv1.GetPluginConfigRequest) (*connectorv1.GetPluginConfigResponse, error) {
	return toOwner(ctx, d.fleets, connector.ReasonPluginNotFound, q, connectorv1.ConnectorServiceClient.GetPluginConfig)
}

func (d definitions) ValidateConfig(ctx context.Context,
	q *connectorv1.ValidateConfigRequest) (*connectorv1.ValidateConfigResponse, error) {
	return toOwner(ctx, d.fleets, connector.ReasonPluginNotFound, q, connectorv1.ConnectorServiceClient.ValidateConfig)
}

// slotPatience bounds the question for a slot, without which its connector is deleted all the same.
const slotPatience = 2 * time.Second

// slotOf is the slot that a source has made. It is empty for sinks and polling sources, which have
// none, and where nobody can say.
func (d definitions) slotOf(ctx context.Context, name string) string {
	ctx, end := context.WithTimeout(ctx, slotPatience)
	defer end()
	seen, err := d.captures.GetCapture(ctx, &capturev1.GetCaptureRequest{Connector: name})
	if slot := seen.GetCapture().GetSlot(); err == nil && !slot.GetMissing() {
		return slot.GetName()
	}
	return ""
}
