package connector_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

func TestANoteOutlivesItsWorkerAndIsGoneWithItsConnector(t *testing.T) {
	kafka, b := broker(t), newBoard()
	first := startReadyWorker(t, kafka, b, connector.Source, "w1:1")
	create(t, first, "noted")
	env := environment(t, first, "noted")
	for name, note := range map[string]string{"A.shop.orders": `{"kind":"A"}`, "B.shop.orders": `{"kind":"B"}`} {
		if err := env.Note(t.Context(), name, json.RawMessage(note)); err != nil {
			t.Fatal(err)
		}
	}
	if got := env.Notes(); len(got) != 2 || string(got["A.shop.orders"]) != `{"kind":"A"}` {
		t.Errorf("the worker that noted them has %s", got)
	}
	for name, note := range map[string]string{"x:connector-y": `{}`, "large": `"` + strings.Repeat("x", 17<<10) + `"`} {
		if err := env.Note(t.Context(), name, json.RawMessage(note)); err == nil {
			t.Errorf("note %s was taken", name)
		}
	}
	first.stop()
	second := startReadyWorker(t, kafka, b, connector.Source, "w2:1")
	env = environment(t, second, "noted")
	if got := env.Notes(); len(got) != 2 || string(got["B.shop.orders"]) != `{"kind":"B"}` {
		t.Errorf("the next worker has %s", got)
	}
	if err := env.Note(t.Context(), "B.shop.orders", nil); err != nil {
		t.Fatal(err)
	}
	if got := env.Notes(); len(got) != 1 {
		t.Errorf("after one was removed there are %s", got)
	}
	if _, err := second.DeleteConnector(t.Context(), &connectorv1.DeleteConnectorRequest{Name: "noted"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the note is gone", func() error {
		if got := env.Notes(); len(got) > 0 {
			return fmt.Errorf("there are %s", got)
		}
		return nil
	})
	create(t, second, "noted")
	if got := environment(t, second, "noted").Notes(); len(got) > 0 {
		t.Errorf("a connector of the same name has %s", got)
	}
}
