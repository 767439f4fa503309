package connectapi

import (
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

// topics handles the calls about the topics that a connector has used.
type topics struct {
	client connectorv1.ConnectorServiceClient
}

// get answers for unknown connectors too: they have no topics.
func (t *topics) get(r *request) (*answer, error) {
	type used struct {
		Topics []string `json:"topics"`
	}
	response, err := t.client.GetConnectorTopics(r.Context(), &connectorv1.GetConnectorTopicsRequest{Name: r.connector()})
	if err != nil && status.Code(err) != codes.NotFound {
		return nil, err
	}
	topics := response.GetTopics()
	if topics == nil {
		topics = []string{}
	}
	return ok(map[string]used{r.connector(): {topics}}), nil
}

func (t *topics) reset(r *request) (*answer, error) {
	_, err := t.client.ResetConnectorTopics(r.Context(), &connectorv1.ResetConnectorTopicsRequest{Name: r.connector()})
	if err != nil && status.Code(err) != codes.NotFound {
		return nil, err
	}
	return empty(http.StatusAccepted), nil
}
