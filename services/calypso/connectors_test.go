package calypso

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/capture"
)

func TestNoPlaceholderIsLeftInTheConnectors(t *testing.T) {
	from, err := sourceFile(&source{Host: "h", Port: 5433, User: "u", Password: "p", Database: "d", SSLMode: "disable"})
	if err != nil {
		t.Fatal(err)
	}
	to, err := sinkFile(&target{URL: "http://127.0.0.1:8082", Database: "db", caFile: "ca.pem",
		auth: kusto.Auth{Strategy: kusto.NoAuth}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []connectorFile{from, to} {
		text, err := json.Marshal(f.Config)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `\u003c`) {
			t.Errorf("%s has a placeholder: %s", f.Name, text)
		}
	}
	if from.Config["plugin.name"] != "pgoutput" {
		t.Errorf("without wal2json the plugin is %v", from.Config["plugin.name"])
	}
	if from.Config["database.password"] != "p" {
		t.Error("the password is missing")
	}
}

func TestTheNativeModeSetsKeysThatCaptureKnows(t *testing.T) {
	from, err := sourceFile(&source{Host: "h", Port: 5433, User: "u", Password: "p", Database: "d", SSLMode: "disable"})
	if err != nil {
		t.Fatal(err)
	}
	before := len(from.Config)
	plugins, err := capture.Plugins(capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]string{"name": from.Name}
	for key, value := range from.withNativeEvents().Config {
		set[key] = fmt.Sprint(value)
		if _, ok := plugins[0].Catalogue.Lookup(key); !ok {
			t.Errorf("capture does not know %s", key)
		}
	}
	if _, _, problems := plugins[0].Catalogue.Parse(set); len(problems) > 0 || len(set) == before {
		t.Errorf("%d keys became %d: %v", before, len(set), problems)
	}
}

func TestAConnectorThatIsThereKeepsItsConfigurationButFollowsTheAddresses(t *testing.T) {
	var patched map[string]string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			w.WriteHeader(http.StatusConflict)
		case http.MethodGet:
			_, _ = w.Write([]byte(`{"name":"c","database.port":"5432","database.hostname":"h","flush.interval.ms":"1"}`))
		case http.MethodPatch:
			if err := json.NewDecoder(r.Body).Decode(&patched); err != nil {
				t.Error(err)
			}
		}
	}))
	defer api.Close()
	f := connectorFile{Name: "c", Config: map[string]any{"database.port": "5432", "database.hostname": "h",
		"flush.interval.ms": json.Number("30000")}}
	if err := register(context.Background(), api.URL, f); err != nil || patched != nil {
		t.Errorf("nothing moved, but %v was patched: %v", patched, err)
	}
	f.Config["database.port"] = "5433"
	if err := register(context.Background(), api.URL, f); err != nil || len(patched) != 1 ||
		patched["database.port"] != "5433" {
		t.Errorf("patched %v: %v", patched, err)
	}
}

func TestARefusalSaysWhyInTheAPIsWords(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error_code":400,"message":"The 'topics' value is invalid"}`))
	}))
	defer api.Close()
	err := register(context.Background(), api.URL, connectorFile{Name: "c"})
	if err == nil || !strings.Contains(err.Error(), "The 'topics' value is invalid") ||
		!strings.Contains(err.Error(), "connector c") {
		t.Errorf("error is %v", err)
	}
}
