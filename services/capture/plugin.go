package capture

import (
	"context"
	"errors"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/services/capture/internal/check"
	"github.com/calypso-cdc/calypso/services/capture/internal/metrics"
	"github.com/calypso-cdc/calypso/services/capture/internal/offsets"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// Class is the connector class that configurations name; Aliases select it as well.
const Class = spec.Class

// Plugins makes the connector classes of the capture fleet: captures by logical replication first, then polling.
func Plugins(o Options) ([]connector.Plugin, error) {
	o, m, err := o.complete()
	if err != nil {
		return nil, err
	}
	captures, err := capturePlugin(o, m)
	if err != nil {
		return nil, err
	}
	polling, err := pollingPlugin(o, m)
	return []connector.Plugin{captures, polling}, err
}

func capturePlugin(o Options, m *metrics.Meters) (connector.Plugin, error) {
	keys, err := spec.Catalogue()
	if err != nil {
		return connector.Plugin{}, fmt.Errorf("declare the keys of capture connectors: %w", err)
	}
	return connector.Plugin{
		Class:     Class,
		Aliases:   []string{"PostgresConnector", "Postgres", "calypso.capture.PostgresConnector"},
		Type:      connector.Source,
		Version:   debezium.CompatibleVersion,
		Catalogue: keys,
		Tasks: func(v catalogue.Values) (int, error) {
			_, err := spec.Parse(v)
			return 1, errors.Join(err, spec.Refused(v))
		},
		Check: func(ctx context.Context, v catalogue.Values) []connector.Check { return check.Source(ctx, v) },
		Topics: func(v catalogue.Values) connector.UsedTopics {
			return spec.Topics(v)
		},
		Offset: offsets.Problem, Repeats: offsets.Repeats,
		NewTask: func(env connector.TaskEnv, v catalogue.Values) (connector.Task, error) {
			return newTask(env, v, o, m)
		},
	}, nil
}
