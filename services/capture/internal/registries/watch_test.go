package registries

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// observed keeps what was reported last.
type observed struct{ last status.Worked }

func (o *observed) Observe(e status.Event) {
	if worked, ok := e.(status.Worked); ok {
		o.last = worked
	}
}

func TestARegistryThatFailsWhileACaptureRunsIsNamedUntilItAnswersAgain(t *testing.T) {
	var answer atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		w.WriteHeader(int(answer.Load()))
		fmt.Fprintf(w, `{"error_code":%d03,"message":"it says so"}`, answer.Load())
	}))
	defer server.Close()
	registry, err := record.NewRegistry(server.URL, server.Client(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	var told observed
	watch := Watch{Key: new(record.JSON), Value: &record.Avro{Registry: registry}, Worker: "w:1",
		Status: status.Observers{&told}}
	for _, c := range []struct {
		status int32
		remedy string // empty if nothing is wrong
	}{
		{http.StatusNotFound, ""}, // it has no such schema
		{http.StatusServiceUnavailable, "schema.registry.url is right"},
		{http.StatusUnauthorized, "basic.auth.user.info"},
		{http.StatusNotFound, ""},
	} {
		answer.Store(c.status)
		if !watch.Look(t.Context()) {
			t.Fatal("no registry was found")
		}
		if told.last.Work != "schema registry of value.converter" || (told.last.Err != nil) != (c.remedy != "") ||
			!strings.Contains(told.last.Remedy, c.remedy) {
			t.Errorf("with status %d it says %+v, want a remedy about %q", c.status, told.last, c.remedy)
		}
	}
	server.Close()
	if watch.Look(t.Context()); told.last.Err == nil || !strings.Contains(told.last.Err.Error(), "refused") {
		t.Errorf("a registry that is gone: %+v", told.last)
	}
	if (Watch{Key: new(record.JSON), Value: new(record.JSON), Status: status.Observers{&told}}).Look(t.Context()) {
		t.Error("JSON has no registry, and is asked for one")
	}
}
