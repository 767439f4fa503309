package kusto

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/calypso-cdc/calypso/libs/config"
)

// hostileFiles are what a setting may name instead of a file, with what is said of each.
func hostileFiles(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(file("sparse"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{dir: "regular", file("sparse"): "larger than", file("none"): "no such file"}
	for name, target := range map[string]string{"zero": "/dev/zero", "loop": file("loop"), "directory": dir} {
		if err := os.Symlink(target, file(name)); err != nil {
			t.Fatal(err)
		}
		files[file(name)] = map[string]string{"zero": "regular", "loop": "too many", "directory": "regular"}[name]
	}
	if err := os.Truncate(file("sparse"), 10<<30); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(file("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	files[file("pipe")] = "regular"
	return files
}

func TestEachFileOfTheSettingsIsReadWithinBounds(t *testing.T) {
	var fields []string
	for _, of := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[Auth]()} {
		for field := range of.Fields() {
			if strings.HasSuffix(field.Name, "File") && field.Type.Kind() == reflect.String {
				fields = append(fields, field.Name)
			}
		}
	}
	if len(fields) < 3 {
		t.Fatalf("only %v name files", fields)
	}
	for path, says := range hostileFiles(t) {
		for _, name := range fields {
			refused := false
			for _, strategy := range Strategies() {
				endpoint := "https://x.kusto.windows.net"
				cfg := Config{Endpoints: Endpoints{Query: endpoint, Ingest: endpoint},
					Auth: Auth{Strategy: strategy, AppID: "a", Authority: "t", AccessToken: "x"}}
				if strategy == Application && name != "CertificateFile" {
					cfg.Auth.AppKey = "k"
				}
				field := reflect.ValueOf(&cfg).Elem().FieldByName(name)
				if !field.IsValid() {
					field = reflect.ValueOf(&cfg.Auth).Elem().FieldByName(name)
				}
				field.SetString(path)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := New(cfg)
				runtime.ReadMemStats(&after)
				if err != nil && strings.Contains(err.Error(), says) {
					refused = true
				}
				if took := after.TotalAlloc - before.TotalAlloc; took > 16*config.MaxFile {
					t.Errorf("%s=%s took %d bytes", name, filepath.Base(path), took)
				}
			}
			if !refused {
				t.Errorf("%s=%s is refused with no strategy for what it is (%s)", name, filepath.Base(path), says)
			}
		}
	}
}

// entraStub answers as a cluster without metadata, and as Entra, which gives a token for the
// assertion that a file held.
type entraStub struct{ assertions []string }

func (e *entraStub) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := func(code int, body string) (*http.Response, error) {
		return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	const tenant = "https://login.microsoftonline.com/t"
	switch {
	case strings.HasSuffix(r.URL.Path, "/auth/metadata"):
		return answer(http.StatusNotFound, "")
	case strings.Contains(r.URL.Path, "/discovery/instance"):
		return answer(http.StatusOK, `{"tenant_discovery_endpoint":"`+tenant+
			`/v2.0/.well-known/openid-configuration","metadata":[]}`)
	case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		return answer(http.StatusOK, `{"authorization_endpoint":"`+tenant+`/a","token_endpoint":"`+tenant+
			`/token","issuer":"`+tenant+`/v2.0"}`)
	case strings.HasSuffix(r.URL.Path, "/token"):
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		e.assertions = append(e.assertions, r.PostForm.Get("client_assertion"))
		return answer(http.StatusOK, `{"access_token":"token","token_type":"Bearer","expires_in":3600}`)
	}
	return nil, fmt.Errorf("unexpected request %s", r.URL)
}

func TestATokenFileThatIsReplacedIsReadWithinBounds(t *testing.T) {
	for _, strategy := range []Strategy{WorkloadIdentity, DefaultCredential} {
		t.Run(string(strategy), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "token")
			for name, value := range map[string]string{"AZURE_FEDERATED_TOKEN_FILE": file, "AZURE_CLIENT_ID": "a",
				"AZURE_TENANT_ID": "t", "AZURE_TOKEN_CREDENTIALS": "WorkloadIdentityCredential"} {
				t.Setenv(name, value)
			}
			if err := os.WriteFile(file, []byte("assertion"), 0o600); err != nil {
				t.Fatal(err)
			}
			stub := &entraStub{}
			k, err := Auth{Strategy: strategy, AppID: "a", Authority: "t"}.connection("https://"+
				strings.ToLower(string(strategy))+".kusto.windows.net", &http.Client{Transport: stub})
			if err != nil {
				t.Fatal(err)
			}
			token := func() (string, error) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				got, err := k.TokenCredential.GetToken(ctx,
					policy.TokenRequestOptions{Scopes: []string{"https://kusto.kusto.windows.net/.default"}})
				return got.Token, err
			}
			if got, err := token(); err != nil || got != "token" || !slices.Equal(stub.assertions, []string{"assertion"}) {
				t.Fatalf("%q for assertions %q: %v", got, stub.assertions, err)
			}
			for path, says := range hostileFiles(t) {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(path, file); err != nil {
					t.Fatal(err)
				}
				if _, err := token(); (err == nil || !strings.Contains(err.Error(), says)) &&
					!(strategy == DefaultCredential && says == "no such file") {
					t.Errorf("%s: %v, want that it is %s", filepath.Base(path), err, says)
				}
			}
		})
	}
}
