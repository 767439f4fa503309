package connector_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// by is the context of a call that a user makes through admin.
func by(t *testing.T, user string) context.Context {
	t.Helper()
	return metadata.NewIncomingContext(t.Context(), metadata.Pairs(rpc.CallerKey, user))
}

func update(t *testing.T, w *worker, user, name string, more ...string) {
	t.Helper()
	if _, err := w.UpdateConnectorConfig(by(t, user),
		&connectorv1.UpdateConnectorConfigRequest{Name: name, Config: config(more...)}); err != nil {
		t.Fatalf("update %s: %v", name, err)
	}
}

// versions shows the versions of a connector, newest first, as "number user changed,keys batch.size password".
func versions(t *testing.T, w *worker, name string) []string {
	t.Helper()
	response, err := w.ListConfigVersions(t.Context(), &connectorv1.ListConfigVersionsRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, v := range response.GetVersions() {
		all = append(all, fmt.Sprintf("%d %s %s %s %s", v.GetVersion(), v.GetActor(), strings.Join(v.GetChangedKeys(), ","),
			v.GetConfig()["batch.size"], v.GetConfig()["password"]))
		if v.GetTime().AsTime().Year() < 2020 {
			t.Errorf("version %d was made at %s", v.GetVersion(), v.GetTime().AsTime())
		}
	}
	return all
}

func TestEarlierConfigurationsAreKeptAndCanBeTakenAgain(t *testing.T) {
	kafka := broker(t)
	b := newBoard()
	w1 := startReadyWorker(t, kafka, b, connector.Source, "w1:1")
	update(t, w1, "ann", "c", "batch.size", "1", "password", "first")
	update(t, w1, "ann", "c", "batch.size", "1", "password", "first") // no change
	update(t, w1, "bob", "c", "batch.size", "1", "password", "second")
	if _, err := w1.PatchConnectorConfig(by(t, "eve"),
		&connectorv1.PatchConnectorConfigRequest{Name: "c", Config: map[string]string{"batch.size": "3"},
			Remove: []string{"password"}}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"3 eve batch.size,password 3 ",
		"2 bob password 1 ********",
		"1 ann batch.size,connector.class,name,password 1 ********",
	}
	if got := versions(t, w1, "c"); !slices.Equal(got, want) {
		t.Errorf("versions %q, want %q", got, want)
	}

	// Another worker, and one that starts later, know the same.
	w2 := startReadyWorker(t, kafka, b, connector.Source, "w2:1")
	w1.stop()
	if got := versions(t, w2, "c"); !slices.Equal(got, want) {
		t.Errorf("after a restart: versions %q, want %q", got, want)
	}
	rolled, err := w2.RollbackConnectorConfig(by(t, "ann"),
		&connectorv1.RollbackConnectorConfigRequest{Name: "c", Version: 1})
	if err != nil || rolled.GetConnector().GetConfig()["batch.size"] != "1" ||
		rolled.GetConnector().GetConfig()["password"] != "********" {
		t.Fatalf("%v %v", rolled, err)
	}
	if got := versions(t, w2, "c")[0]; got != "4 ann batch.size,password 1 ********" {
		t.Errorf("the newest is %q", got)
	}
	eventually(t, "the task runs with the secret of version 1", func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.seen["c-0"]["password"] != "first" {
			return fmt.Errorf("it runs with %v", b.seen["c-0"])
		}
		return nil
	})
	if _, err := w2.RollbackConnectorConfig(t.Context(),
		&connectorv1.RollbackConnectorConfigRequest{Name: "c", Version: 4}); err != nil {
		t.Error(err)
	}
	if got := len(versions(t, w2, "c")); got != 4 {
		t.Errorf("taking the present version makes %d", got)
	}
	_, err = w2.RollbackConnectorConfig(t.Context(), &connectorv1.RollbackConnectorConfigRequest{Name: "c", Version: 9})
	assertError(t, "unknown version", err, codes.NotFound, connector.ReasonVersionNotFound, "")
	_, err = w2.RollbackConnectorConfig(t.Context(), &connectorv1.RollbackConnectorConfigRequest{Name: "c", Version: -1})
	assertError(t, "negative version", err, codes.InvalidArgument, connector.ReasonConfigInvalid, "version")

	if _, err := w2.DeleteConnector(t.Context(), &connectorv1.DeleteConnectorRequest{Name: "c"}); err != nil {
		t.Fatal(err)
	}
	_, err = w2.ListConfigVersions(t.Context(), &connectorv1.ListConfigVersionsRequest{Name: "c"})
	assertError(t, "deleted", err, codes.NotFound, connector.ReasonConnectorNotFound, "")
	create(t, w2, "c")
	if got := versions(t, w2, "c"); !slices.Equal(got, []string{"1  connector.class,name  "}) {
		t.Errorf("a connector of the same name begins with %q", got)
	}
}

func TestOnlyTheLast20ConfigurationsAreKept(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	for i := range 45 {
		update(t, w, "ann", "c", "batch.size", fmt.Sprint(i+1))
		update(t, w, "ann", "c-1", "batch.size", fmt.Sprint(1000+i))
	}
	got := versions(t, w, "c")
	if len(got) != 20 || got[0] != "45 ann batch.size 45 " || got[19] != "26 ann batch.size 26 " {
		t.Errorf("%d versions: %q", len(got), got)
	}
	_, err := w.RollbackConnectorConfig(t.Context(), &connectorv1.RollbackConnectorConfigRequest{Name: "c", Version: 25})
	assertError(t, "a version that is no longer kept", err, codes.NotFound, connector.ReasonVersionNotFound, "")
	if _, err := w.RollbackConnectorConfig(t.Context(),
		&connectorv1.RollbackConnectorConfigRequest{Name: "c", Version: 26}); err != nil {
		t.Error(err)
	}
	if got := versions(t, w, "c"); len(got) != 20 || got[0] != "46  batch.size 26 " || got[19] != "27 ann batch.size 27 " {
		t.Errorf("%d versions: %q", len(got), got)
	}
}

func TestAChangeIsMadeOnlyIfItsChecksAreOkWhereThatIsAskedFor(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	create(t, w, "c", "batch.size", "1", "password", "canary")
	calls := map[string]func(size string, check bool) error{
		"update": func(size string, check bool) error {
			_, err := w.UpdateConnectorConfig(t.Context(), &connectorv1.UpdateConnectorConfigRequest{Name: "c",
				Config: config("batch.size", size, "password", "********"), Check: check})
			return err
		},
		"patch": func(size string, check bool) error {
			_, err := w.PatchConnectorConfig(t.Context(), &connectorv1.PatchConnectorConfigRequest{Name: "c",
				Config: map[string]string{"batch.size": size}, Check: check})
			return err
		},
	}
	for what, call := range calls {
		err := call("13", true)
		assertError(t, what, err, codes.FailedPrecondition, connector.ReasonCheckFailed, "")
		if !strings.Contains(err.Error(), "Nothing was changed") || !strings.Contains(err.Error(), "luck: 13 is refused") ||
			!strings.Contains(err.Error(), "Take 14.") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", what, err)
		}
		assertError(t, what+" of what is not right", call("x", true), codes.InvalidArgument, connector.ReasonConfigInvalid,
			"config.batch.size")
		if got := len(versions(t, w, "c")); got != 1 {
			t.Fatalf("%s: %d versions after refusals", what, got)
		}
	}
	for what, call := range calls {
		if err := call("13", false); err != nil {
			t.Errorf("%s without checks: %v", what, err)
		}
		if err := call("1", true); err != nil {
			t.Errorf("%s with checks that are ok: %v", what, err)
		}
	}
	_, err := w.UpdateConnectorConfig(t.Context(), &connectorv1.UpdateConnectorConfigRequest{Name: "new",
		Config: config("batch.size", "13"), Check: true})
	assertError(t, "update that would create", err, codes.FailedPrecondition, connector.ReasonCheckFailed, "")
	_, err = w.GetConnector(t.Context(), &connectorv1.GetConnectorRequest{Name: "new"})
	assertError(t, "what was refused", err, codes.NotFound, connector.ReasonConnectorNotFound, "")
}
