package connector_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

func TestAPlanSaysWhatWouldChangeAndWhatFollows(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	create(t, w, "c", "batch.size", "1", "password", "canary-1", "transforms", "a", "transforms.a.type", "Filter")
	plan := func(more ...string) *connectorv1.PlanConnectorConfigResponse {
		t.Helper()
		response, err := w.PlanConnectorConfig(t.Context(),
			&connectorv1.PlanConnectorConfigRequest{Name: "c", Config: config(more...)})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(response.String(), "canary") {
			t.Errorf("the plan shows a secret: %v", response)
		}
		return response
	}
	changes := func(p *connectorv1.PlanConnectorConfigResponse) []string {
		var all []string
		for _, c := range p.GetChanges() {
			old, now := "-", "-"
			if c.Old != nil { //nolint:protogetter // absent differs from empty
				old = c.GetOld()
			}
			if c.New != nil { //nolint:protogetter // absent differs from empty
				now = c.GetNew()
			}
			all = append(all, c.GetKey()+" "+old+" "+now)
		}
		return all
	}
	effects := func(p *connectorv1.PlanConnectorConfigResponse) []string {
		var all []string
		for _, c := range p.GetConsequences() {
			if c.GetDetail() == "" {
				t.Errorf("%s has no detail", c.GetEffect())
			}
			all = append(all, c.GetEffect()+" "+strings.Join(c.GetKeys(), ","))
		}
		return all
	}

	same := plan("batch.size", "1", "password", "********", "transforms", "a", "transforms.a.type", "Filter")
	if len(same.GetChanges())+len(same.GetConsequences()) > 0 || same.GetCreates() {
		t.Errorf("what is so already: %v", same)
	}
	p := plan("batch.size", "2", "password", "canary-2", "batch.sise", "3")
	if got, want := changes(p), []string{"batch.sise - 3", "batch.size 1 2", "password ******** ********",
		"transforms a -", "transforms.a.type Filter -"}; !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
	if got, want := effects(p), []string{"TASKS_RESTART ", "ROWS_CHANGE transforms"}; !slices.Equal(got, want) {
		t.Errorf("effects %q, want %q", got, want)
	}
	if len(p.GetWarnings()) != 1 || !strings.Contains(p.GetWarnings()[0], "did you mean batch.size") {
		t.Errorf("warnings %v", p.GetWarnings())
	}
	if tasks := plan("batch.size", "1", "password", "********", "transforms", "a", "transforms.a.type", "Filter",
		"tasks.max", "3").GetConsequences()[0].GetDetail(); !strings.Contains(tasks, "3 instead of 1") {
		t.Errorf("more tasks: %s", tasks)
	}
	if got := versions(t, w, "c"); len(got) != 1 {
		t.Errorf("plans have changed something: %v", got)
	}

	if _, err := w.StopConnector(t.Context(), &connectorv1.StopConnectorRequest{Name: "c"}); err != nil {
		t.Fatal(err)
	}
	if got := effects(plan("batch.size", "2", "password", "********", "transforms", "a", "transforms.a.type",
		"Filter")); !slices.Equal(got, []string{"NO_EFFECT_YET "}) {
		t.Errorf("of a stopped connector: %q", got)
	}
	created, err := w.PlanConnectorConfig(t.Context(),
		&connectorv1.PlanConnectorConfigRequest{Name: "new", Config: config()})
	if err != nil || !created.GetCreates() || len(created.GetChanges())+len(created.GetConsequences()) > 0 {
		t.Errorf("a new connector: %v %v", created, err)
	}
	_, err = w.PlanConnectorConfig(t.Context(), &connectorv1.PlanConnectorConfigRequest{Name: "c",
		Config: config("batch.size", "x")})
	assertError(t, "a wrong value", err, codes.InvalidArgument, connector.ReasonConfigInvalid, "config.batch.size")
	_, err = w.PlanConnectorConfig(t.Context(), &connectorv1.PlanConnectorConfigRequest{Name: "c",
		Config: map[string]string{"batch.size": "7"}})
	assertError(t, "changed keys alone", err, codes.InvalidArgument, connector.ReasonConfigInvalid,
		"config.connector.class")
	if err == nil || !strings.Contains(err.Error(), "wants the whole configuration") ||
		!strings.Contains(err.Error(), "calypsoctl export c") {
		t.Errorf("a plan of changed keys alone says %v", err)
	}
	_, err = w.PlanConnectorConfig(t.Context(), &connectorv1.PlanConnectorConfigRequest{Name: "new",
		Config: map[string]string{"batch.size": "7"}})
	if err == nil || !strings.Contains(err.Error(), "set connector.class") || strings.Contains(err.Error(), "export") {
		t.Errorf("a plan of a new connector without a class says %v", err)
	}
	_, err = w.PlanConnectorConfig(t.Context(), &connectorv1.PlanConnectorConfigRequest{Name: "new",
		Config: config("password", "********")})
	assertError(t, "a mask without a secret", err, codes.InvalidArgument, connector.ReasonConfigInvalid, "config.password")
}
