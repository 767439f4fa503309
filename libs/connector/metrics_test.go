package connector_test

import (
	"errors"
	"fmt"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
)

func TestEveryMetricOfAWorkerMoves(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	b := newBoard()
	w := startReadyWorker(t, broker(t), b, connector.Source, "w1:1",
		func(c *runtime.Config) { c.Meter = meters.Meter("test") })
	b.failNext("a-1", errors.New("as told"))
	create(t, w, "a", "tasks.max", "3")
	awaitStates(t, w, "a", "RUNNING RUNNING FAILED RUNNING")
	want := map[string]int64{"calypso.connector.tasks.running": 2, "calypso.connector.task.starts": 3,
		"calypso.connector.task.failures": 1}
	eventually(t, "the metrics have moved", func() error {
		var collected metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &collected); err != nil {
			return err
		}
		got := map[string]int64{}
		for _, scope := range collected.ScopeMetrics {
			for _, metric := range scope.Metrics {
				for _, point := range metric.Data.(metricdata.Sum[int64]).DataPoints {
					got[metric.Name] += point.Value
				}
			}
		}
		for name, value := range want {
			if got[name] != value {
				return fmt.Errorf("%v", got)
			}
		}
		if got["calypso.connector.rebalances"] == 0 {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
}
