package api

import (
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/state"
)

func typeMessage(t connector.Type) connectorv1.ConnectorType {
	if t == connector.Source {
		return connectorv1.ConnectorType_CONNECTOR_TYPE_SOURCE
	}
	return connectorv1.ConnectorType_CONNECTOR_TYPE_SINK
}

func stateMessage(s state.State) connectorv1.State {
	if value, ok := connectorv1.State_value["STATE_"+string(s)]; ok {
		return connectorv1.State(value)
	}
	return connectorv1.State_STATE_UNSPECIFIED
}
