package connectapi

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/types/known/structpb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

// offsets handles the calls about positions.
type offsets struct {
	client connectorv1.ConnectorServiceClient
}

func (o *offsets) get(r *request) (*answer, error) {
	type offset struct {
		Partition json.RawMessage `json:"partition"`
		Offset    json.RawMessage `json:"offset"`
	}
	response, err := o.client.GetOffsets(r.Context(), &connectorv1.GetOffsetsRequest{Name: r.connector()})
	if err != nil {
		return nil, orNotFound(err, "Connector %.300s not found", r.connector())
	}
	offsets := []offset{}
	for _, o := range response.GetOffsets() {
		partition, err := connector.OffsetJSON(o.GetPartition())
		if err != nil {
			return nil, err
		}
		position, err := connector.OffsetJSON(o.GetOffset())
		if err != nil {
			return nil, err
		}
		offsets = append(offsets, offset{partition, position})
	}
	return ok(map[string][]offset{"offsets": offsets}), nil
}

func (o *offsets) alter(r *request) (*answer, error) {
	object, err := r.object()
	if err != nil {
		return nil, err
	}
	if err := only(object, "offsets"); err != nil {
		return nil, err
	}
	list, isList := object["offsets"].([]any)
	if !isList && object["offsets"] != nil {
		return nil, badRequest("field offsets must be a list")
	}
	if len(list) == 0 {
		return nil, badRequest("Partitions / offsets need to be provided for an alter offsets request")
	}
	change := &connectorv1.AlterOffsetsRequest{Name: r.connector()}
	for i, item := range list {
		where := fmt.Sprintf("offsets[%d]", i)
		entry, isObject := item.(map[string]any)
		if !isObject {
			return nil, badRequest("field %s must be an object", where)
		}
		if err := only(entry, "partition", "offset"); err != nil {
			return nil, err
		}
		offset := &connectorv1.Offset{}
		if offset.Partition, err = structOf(entry, where, "partition"); err != nil {
			return nil, err
		}
		if offset.Offset, err = structOf(entry, where, "offset"); err != nil {
			return nil, err
		}
		change.Offsets = append(change.Offsets, offset)
	}
	response, err := o.client.AlterOffsets(r.Context(), change)
	if err != nil {
		return nil, orNotFound(err, "Connector %.300s not found", r.connector())
	}
	return ok(map[string]string{"message": response.GetMessage()}).warned(response.GetConsequences()), nil
}

// structOf reads a field that is an object or null.
func structOf(entry map[string]any, where, field string) (*structpb.Struct, error) {
	switch value := entry[field].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		encoded, err := json.Marshal(value)
		if err != nil {
			return nil, badRequest("field %s.%s: %v", where, field, err)
		}
		message, err := connector.OffsetStruct(encoded)
		if err != nil {
			return nil, badRequest("field %s.%s: %v", where, field, err)
		}
		return message, nil
	}
	return nil, badRequest("field %s.%s must be an object or null", where, field)
}

func (o *offsets) reset(r *request) (*answer, error) {
	response, err := o.client.ResetOffsets(r.Context(), &connectorv1.ResetOffsetsRequest{Name: r.connector()})
	if err != nil {
		return nil, orNotFound(err, "Connector %.300s not found", r.connector())
	}
	return ok(map[string]string{"message": response.GetMessage()}).warned(response.GetConsequences()), nil
}
