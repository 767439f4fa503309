package admin

import (
	"context"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

// running are the calls about what connectors do: states, topics and offsets.
type running struct {
	fleets []*fleet
}

func (r running) PauseConnector(ctx context.Context,
	q *connectorv1.PauseConnectorRequest) (*connectorv1.PauseConnectorResponse, error) {
	return byName(ctx, r.fleets, q, connectorv1.ConnectorServiceClient.PauseConnector)
}

func (r running) ResumeConnector(ctx context.Context,
	q *connectorv1.ResumeConnectorRequest) (*connectorv1.ResumeConnectorResponse, error) {
	return byName(ctx, r.fleets, q, connectorv1.ConnectorServiceClient.ResumeConnector)
}

func (r running) StopConnector(ctx context.Context,
	q *connectorv1.StopConnectorRequest) (*connectorv1.StopConnectorResponse, error) {
	return byName(ctx, r.fleets, q, connectorv1.ConnectorServiceClient.StopConnector)
}

func (r running) RestartConnector(ctx context.Context,
	q *connectorv1.RestartConnectorRequest) (*connectorv1.RestartConnectorResponse, error) {
	return byName(ctx, r.fleets, q, connectorv1.ConnectorServiceClient.RestartConnector)
}

func (r running) RestartTask(ctx context.Context, q *connectorv1.RestartTaskRequest) (*connectorv1.RestartTaskResponse,
	error) {
	return byName(ctx, r.fleets, q, connectorv1.ConnectorServiceClient.RestartTask)
}

func (r running) GetConnectorStatus(ctx context.Context,
	q *connectorv1.GetConnectorStatusRequest) (*connectorv1.GetConnectorStatusResponse, error) {
	return byName(ctx, r.fleets, q, connectorv1.ConnectorServiceClient.GetConnectorStatus)
}

func (r running) GetConnectorTopics(ctx context.Context,
	q *connectorv1.GetConnectorTopicsRequest) (*connectorv1.GetConnectorTopicsResponse, error) {
	return byName(ctx, r.fleets, q, connectorv1.ConnectorServiceClient.GetConnectorTopics)
}

func (r running) ResetConnectorTopics(ctx context.Context,
	q *connectorv1.ResetConnectorTopicsRequest) (*connectorv1.ResetConnectorTopicsResponse, error) {
	return byName(ctx, r.fleets, q, connectorv1.ConnectorServiceClient.ResetConnectorTopics)
}

func (r running) GetOffsets(ctx context.Context, q *connectorv1.GetOffsetsRequest) (*connectorv1.GetOffsetsResponse,
	error) {
	return byName(ctx, r.fleets, q, connectorv1.ConnectorServiceClient.GetOffsets)
}

func (r running) AlterOffsets(ctx context.Context,
	q *connectorv1.AlterOffsetsRequest) (*connectorv1.AlterOffsetsResponse, error) {
	return byName(ctx, r.fleets, q, connectorv1.ConnectorServiceClient.AlterOffsets)
}

func (r running) ResetOffsets(ctx context.Context,
	q *connectorv1.ResetOffsetsRequest) (*connectorv1.ResetOffsetsResponse, error) {
	return byName(ctx, r.fleets, q, connectorv1.ConnectorServiceClient.ResetOffsets)
}
