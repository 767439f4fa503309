package kafka

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestATokenIsKeptUntilShortlyBeforeItsEnd(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.FormValue("grant_type") != "client_credentials" || r.FormValue("client_secret") != "canary" || r.FormValue("scope") != "kafka" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client"}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":600}`, asked)
	}))
	defer server.Close()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	source := newTokenSource(Config{TokenURL: server.URL, ClientID: "me", ClientSecret: "canary", Scope: "kafka"}, func() time.Time { return now })
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "token-1"}, {8 * time.Minute, "token-1"}, {2 * time.Minute, "token-2"}} {
		now = now.Add(step.after)
		auth, err := source.token(t.Context())
		if err != nil || auth.Token != step.want {
			t.Errorf("after %s: %q, %v; want %s", step.after, auth.Token, err, step.want)
		}
	}
	source = newTokenSource(Config{TokenURL: server.URL, ClientID: "me", ClientSecret: "wrong-canary"}, time.Now)
	if _, err := source.token(t.Context()); err == nil || !strings.Contains(err.Error(), "invalid_client") || strings.Contains(err.Error(), "canary") {
		t.Errorf("refused credentials: %v", err)
	}
}

func TestTheSecretDoesNotFollowARedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	if _, err := newTokenSource(Config{TokenURL: server.URL}, time.Now).token(t.Context()); err == nil {
		t.Error("a redirect was taken for a token")
	}
}
