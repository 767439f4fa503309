package connector

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// maxVersionsBytes bounds the configurations of one answer in bytes, below the largest message that services take.
const maxVersionsBytes = 3 << 20

// versioned are the records that make a checked configuration the present one: first the earlier one as the version that it was,
// if they differ, then the configuration. Should only the first be written, it repeats the present version, which does no harm.
func (s *service) versioned(ctx context.Context, earlier snapshot, v validated) []entry {
	name := v.config["name"]
	next := configRecord{Properties: v.config, Tasks: v.tasks, Version: 1, Made: time.Now().UnixMilli(), Actor: rpc.Caller(ctx)}
	if earlier.stored == nil {
		next.Changed = changedKeys(nil, v.config)
		return []entry{{connectorKey + name, next}}
	}
	present := s.present(earlier)
	next.Changed = changedKeys(present.Properties, v.config)
	if len(next.Changed) == 0 {
		present.Properties, present.Tasks = v.config, v.tasks
		return []entry{{connectorKey + name, present}}
	}
	next.Version = present.Version + 1
	return []entry{{versionRecordKey(name, present.Version), present}, {connectorKey + name, next}}
}

// present is a connector's configuration as a version. A worker that does not count versions leaves none, which is then the one
// after those that are known.
func (s *service) present(connector snapshot) configRecord {
	record := connector.record
	record.Properties = withName(connector.config, connector.name)
	if record.Version == 0 {
		record.Made = connector.configured
		for _, earlier := range s.store.history(connector.name) {
			record.Version = max(record.Version, earlier.Version)
		}
		record.Version++
	}
	return record
}

// versions are the configurations of a connector that are kept, newest first.
func (s *service) versions(connector snapshot) []configRecord {
	present := s.present(connector)
	all := []configRecord{present}
	for _, earlier := range s.store.history(connector.name) {
		if earlier.Version < present.Version {
			all = append(all, earlier)
		}
	}
	slices.SortFunc(all, func(a, b configRecord) int { return cmp.Compare(b.Version, a.Version) })
	return all
}

// changedKeys are the keys in which two configurations differ, sorted.
func changedKeys(before, after map[string]string) []string {
	all := maps.Clone(after)
	maps.Copy(all, before)
	maps.DeleteFunc(all, func(key, _ string) bool {
		was, had := before[key]
		is, has := after[key]
		return had == has && was == is
	})
	return slices.Sorted(maps.Keys(all))
}

func (s *service) ListConfigVersions(_ context.Context, request *connectorv1.ListConfigVersionsRequest) (*connectorv1.ListConfigVersionsResponse, error) {
	connector, plugin, err := s.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	response := &connectorv1.ListConfigVersionsResponse{}
	size := 0
	for _, version := range s.versions(connector) {
		for key, value := range version.Properties {
			size += len(key) + len(value)
		}
		if size > maxVersionsBytes {
			break
		}
		keys := plugin.Catalogue
		if its, ok := s.plugins.of(version.Properties); ok {
			keys = its.Catalogue
		}
		response.Versions = append(response.Versions, &connectorv1.ConfigVersion{
			Version: version.Version, Time: timestamppb.New(time.UnixMilli(version.Made)), Actor: version.Actor,
			Config: secret.Masked(keys, version.Properties), ChangedKeys: version.Changed,
		})
	}
	return response, nil
}

func (s *service) RollbackConnectorConfig(ctx context.Context, request *connectorv1.RollbackConnectorConfigRequest) (*connectorv1.RollbackConnectorConfigResponse, error) {
	if request.GetVersion() < 1 {
		return nil, invalidField(ReasonConfigInvalid, "version", fmt.Sprintf("version is %d, want one that ListConfigVersions returns", request.GetVersion()))
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	connector, plugin, err := s.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	kept := s.versions(connector)
	at := slices.IndexFunc(kept, func(v configRecord) bool { return v.Version == request.GetVersion() })
	switch {
	case at < 0:
		return nil, failure(codes.NotFound, ReasonVersionNotFound, fmt.Sprintf(
			"Connector %s has no version %d; versions from %d to %d are kept", connector.name, request.GetVersion(), kept[len(kept)-1].Version, kept[0].Version))
	case at == 0:
		return &connectorv1.RollbackConnectorConfigResponse{Connector: s.message(connector, plugin)}, nil
	}
	name, config, plugin, err := s.named(connector.name, kept[at].Properties)
	if err != nil {
		return nil, err
	}
	message, warnings, err := s.put(ctx, name, plugin, config, connector)
	if err != nil {
		return nil, err
	}
	s.logger.Info("connector rolled back", "connector", name, "from", kept[0].Version, "to", request.GetVersion())
	return &connectorv1.RollbackConnectorConfigResponse{Connector: message, Warnings: warnings}, nil
}
