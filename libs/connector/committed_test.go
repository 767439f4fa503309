package connector_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

func TestWhoRemovesASinksOffsetsOnPurposeHasItForgottenThatTheyWereCommitted(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Sink, "w1:1")
	create(t, w, "a", "connector.class", "test.BoardSinkConnector", "topics", "orders")
	env := environment(t, w, "a")
	for _, name := range []string{"A.orders", connector.CommittedNote("orders", 0), connector.CommittedNote("orders", 1),
		connector.CommittedNote("items", 1)} {
		if err := env.Note(t.Context(), name, json.RawMessage(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.StopConnector(t.Context(), &connectorv1.StopConnectorRequest{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, w, "a", "STOPPED")
	partition, err := connector.OffsetStruct([]byte(`{"kafka_topic":"orders","kafka_partition":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AlterOffsets(t.Context(), &connectorv1.AlterOffsetsRequest{Name: "a",
		Offsets: []*connectorv1.Offset{{Partition: partition}}}); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(slices.Sorted(maps.Keys(env.Notes()))),
		fmt.Sprint([]string{"A.orders", connector.CommittedNote("items", 1),
			connector.CommittedNote("orders", 0)}); got != want {
		t.Errorf("after one partition's offset was removed: %s, want %s", got, want)
	}
	if _, err := w.ResetOffsets(t.Context(), &connectorv1.ResetOffsetsRequest{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(slices.Sorted(maps.Keys(env.Notes()))); got != "[A.orders]" {
		t.Errorf("after a reset: %s", got)
	}
}
