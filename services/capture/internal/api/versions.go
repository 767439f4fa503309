package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
	"github.com/calypso-cdc/calypso/services/capture/internal/schemas"
)

const (
	// maxVersions bounds an answer, usualVersions is how many it has if nothing is asked for.
	maxVersions   = 1000
	usualVersions = 100
	// maxTableName is the length of schema.table: both are at most NAMEDATALEN-1 bytes.
	maxTableName = 63 + 1 + 63
	// versionsTimeout bounds the reading of the versions: Kafka may be away, or a transaction open in their topic.
	versionsTimeout = 10 * time.Second
)

// ListSchemaVersions implements CaptureService.
func (s *Service) ListSchemaVersions(ctx context.Context,
	r *capturev1.ListSchemaVersionsRequest) (*capturev1.ListSchemaVersionsResponse, error) {
	most := int(r.PageSize)
	switch {
	case most == 0:
		most = usualVersions
	case most < 0 || most > maxVersions:
		return nil, rpc.InvalidField("page_size", fmt.Sprintf("page_size is %d, want 1 to %d", most, maxVersions))
	}
	if err := checkTableName(r.Table); err != nil {
		return nil, err
	}
	env, _, err := s.fleet.Environment(r.Connector)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, versionsTimeout)
	defer cancel()
	found, err := schemas.New(env).Read(ctx)
	if err != nil && !schemas.Absent(err) {
		return nil, rpc.Error(codes.Unavailable, string(connector.ReasonStoreUnavailable), err.Error())
	}
	out := new(capturev1.ListSchemaVersionsResponse)
	for _, v := range found.Newest(r.Table, most) {
		out.Versions = append(out.Versions, versionMessage(v))
	}
	return out, nil
}

// checkTableName refuses what cannot be schema.table; an empty name stands for all tables.
func checkTableName(name string) error {
	schema, table, _ := strings.Cut(name, ".")
	switch {
	case name == "":
		return nil
	case len(name) > maxTableName:
		return rpc.InvalidField("table", fmt.Sprintf("table has %d bytes, a name of the form schema.table has at most %d",
			len(name), maxTableName))
	case schema == "" || table == "" || strings.ContainsRune(name, 0):
		return rpc.InvalidField("table", fmt.Sprintf("table is %q, want schema.table", name))
	}
	return nil
}

func versionMessage(v *history.Version) *capturev1.SchemaVersion {
	out := &capturev1.SchemaVersion{Table: v.Table, Version: int32(v.Number), Lsn: v.From.LSN.String(),
		Time: timestamppb.New(v.From.Time), ReplicaIdentity: v.ReplicaIdentity}
	for _, c := range v.Columns {
		out.Columns = append(out.Columns, &capturev1.SchemaColumn{Name: c.Name, Type: c.Type, Optional: c.Optional,
			KeyPlace: int32(c.Key)})
	}
	for _, c := range v.Changes {
		out.Changes = append(out.Changes, &capturev1.SchemaChange{Kind: kindMessages[c.Kind], Column: c.Column, From: c.From,
			To: c.To, Breaking: c.Breaking})
	}
	switch {
	case v.Number == 1:
	case v.Breaking():
		out.Compatibility = capturev1.Compatibility_COMPATIBILITY_BREAKING
	default:
		out.Compatibility = capturev1.Compatibility_COMPATIBILITY_COMPATIBLE
	}
	return out
}

var kindMessages = map[history.Kind]capturev1.SchemaChange_Kind{
	history.ColumnAdded:     capturev1.SchemaChange_KIND_COLUMN_ADDED,
	history.ColumnDropped:   capturev1.SchemaChange_KIND_COLUMN_DROPPED,
	history.ColumnRenamed:   capturev1.SchemaChange_KIND_COLUMN_RENAMED,
	history.TypeChanged:     capturev1.SchemaChange_KIND_TYPE_CHANGED,
	history.OptionalChanged: capturev1.SchemaChange_KIND_OPTIONAL_CHANGED,
	history.KeyChanged:      capturev1.SchemaChange_KIND_KEY_CHANGED,
	history.IdentityChanged: capturev1.SchemaChange_KIND_REPLICA_IDENTITY_CHANGED,
}
