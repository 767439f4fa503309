package kafka

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestATokenIsKeptUntilShortlyBeforeItsEnd(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.FormValue("grant_type") != "client_credentials" || r.FormValue("client_secret") != "canary" ||
			r.FormValue("scope") != "kafka" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client"}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":600}`, asked)
	}))
	defer server.Close()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	source := newTokenSource(Config{TokenURL: server.URL, ClientID: "me", ClientSecret: "canary", Scope: "kafka"},
		func() time.Time { return now })
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "token-1"}, {8 * time.Minute, "token-1"}, {2 * time.Minute, "token-2"}} {
		now = now.Add(step.after)
		token, err := source.token(t.Context())
		if err != nil || token != step.want {
			t.Errorf("after %s: %q, %v; want %s", step.after, token, err, step.want)
		}
	}
	source = newTokenSource(Config{TokenURL: server.URL, ClientID: "me", ClientSecret: "wrong-canary"}, time.Now)
	if _, err := source.token(t.Context()); err == nil || !strings.Contains(err.Error(), "invalid_client") ||
		strings.Contains(err.Error(), "canary") {
		t.Errorf("refused credentials: %v", err)
	}
}

func TestATokenEndpointThatIsOutOfOrderIsToldFromRefusedCredentials(t *testing.T) {
	for status, passes := range map[int]bool{http.StatusServiceUnavailable: true, http.StatusTooManyRequests: true,
		http.StatusUnauthorized: false, http.StatusOK: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, `{"error":"said"}`)
		}))
		_, err := newTokenSource(Config{TokenURL: server.URL}, time.Now).token(t.Context())
		server.Close()
		refused, ok := errors.AsType[interface {
			error
			Passing() bool
		}](err)
		if !ok || refused.Passing() != passes || strings.Contains(err.Error(), "check kafka-oauth-client-id") == passes ||
			!strings.Contains(err.Error(), "said") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestTheSecretDoesNotFollowARedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the redirect was followed")
	}))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	if _, err := newTokenSource(Config{TokenURL: server.URL}, time.Now).token(t.Context()); err == nil {
		t.Error("a redirect was taken for a token")
	}
}

func TestAClientShowsItsTokenWithTheExtensionsThatAreAskedFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("a-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := Config{Brokers: []string{"k:9092"}, Mechanism: "OAUTHBEARER", TokenFile: file,
		Extensions: []string{"logicalCluster=lkc-1", "identityPoolId=pool-2"}}
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	_, said, err := config.sasl().Authenticate(t.Context(), "k:9092")
	if err != nil {
		t.Fatal(err)
	}
	// RFC 7628, section 3.1: fields end with 0x01.
	for _, field := range []string{"auth=Bearer a-token\x01", "logicalCluster=lkc-1\x01", "identityPoolId=pool-2\x01"} {
		if !strings.Contains(string(said), field) {
			t.Errorf("%q lacks %q", said, field)
		}
	}
	config.Extensions = []string{"logicalCluster"}
	if err := config.Validate(); err == nil || !strings.Contains(err.Error(), "kafka-oauth-extensions") {
		t.Errorf("an extension without value: %v", err)
	}
	if err := (Config{Brokers: []string{"k:9092"}, Mechanism: "OAUTHBEARER", Entra: true,
		TokenFile: file}).Validate(); err == nil {
		t.Error("two sources of tokens were accepted")
	}
	if err := (Config{Brokers: []string{"shop.servicebus.windows.net:9093"}, Mechanism: "OAUTHBEARER",
		Entra: true}).Validate(); err != nil {
		t.Error(err)
	}
}
