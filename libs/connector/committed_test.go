package connector_test

import (
	"encoding/json"
	"fmt"
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
		if err := env.Note(t.Context(), name, json.RawMessage(`{"group":"g"}`)); err != nil {
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
	// kept are the notes that offsets were committed; chosen says that they were removed on purpose.
	kept, chosen := json.RawMessage(`{"group":"g"}`), json.RawMessage(`{}`)
	has := func(want map[string]json.RawMessage) {
		t.Helper()
		want["A.orders"] = kept
		if got := env.Notes(); fmt.Sprintf("%s", got) != fmt.Sprintf("%s", want) {
			t.Errorf("the notes are %s, want %s", got, want)
		}
	}
	has(map[string]json.RawMessage{connector.CommittedNote("items", 1): kept, connector.CommittedNote("orders", 0): kept,
		connector.CommittedNote("orders", 1): chosen})
	if _, err := w.ResetOffsets(t.Context(), &connectorv1.ResetOffsetsRequest{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	has(map[string]json.RawMessage{connector.CommittedNote("items", 1): chosen,
		connector.CommittedNote("orders", 0): chosen, connector.CommittedNote("orders", 1): chosen,
		connector.ReadAgainNote: chosen})
}
