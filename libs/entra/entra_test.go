package entra_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/entra"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

func TestScopesFollowTheCloudOfTheHost(t *testing.T) {
	for host, want := range map[string]string{
		"shop.postgres.database.azure.com":         "https://ossrdbms-aad.database.windows.net/.default",
		"shop.postgres.database.usgovcloudapi.net": "https://ossrdbms-aad.database.usgovcloudapi.net/.default",
		"SHOP.postgres.database.chinacloudapi.cn.": "https://ossrdbms-aad.database.chinacloudapi.cn/.default",
		"10.0.0.1":                      "https://ossrdbms-aad.database.windows.net/.default",
		"usgovcloudapi.net.example.com": "https://ossrdbms-aad.database.windows.net/.default",
	} {
		if got := entra.PostgresScope(host); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}

func TestTheEnvironmentNamesTheCloudOfAHostWhoseNameDoesNot(t *testing.T) {
	for authority, want := range map[string]string{
		"https://login.microsoftonline.us/": "https://ossrdbms-aad.database.usgovcloudapi.net/.default",
		"https://login.chinacloudapi.cn":    "https://ossrdbms-aad.database.chinacloudapi.cn/.default",
		"https://login.example.com":         "https://ossrdbms-aad.database.windows.net/.default",
	} {
		t.Setenv("AZURE_AUTHORITY_HOST", authority)
		if got := entra.PostgresScope("10.0.0.4", "db.internal"); got != want {
			t.Errorf("%s: %s, want %s", authority, got, want)
		}
	}
}

// The endpoint of a managed identity is that of Azure App Service: the one that the SDK can be told the address of.
func TestAManagedIdentityGivesTokens(t *testing.T) {
	asked := 0
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("X-IDENTITY-HEADER") != "of this machine" ||
			r.URL.Query().Get("resource") != "https://shop.servicebus.windows.net" {
			t.Errorf("asked for %s with %v", r.URL, r.Header)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{
			"access_token": "token", "token_type": "Bearer", "resource": r.URL.Query().Get("resource"),
			"expires_on": strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10),
		})
	}))
	defer endpoint.Close()
	t.Setenv("IDENTITY_ENDPOINT", endpoint.URL)
	t.Setenv("IDENTITY_HEADER", "of this machine")
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
	const host = "shop.servicebus.windows.net"
	source := entra.For(entra.EventHubsScope(host), host)
	for range 2 {
		if token, err := source(t.Context()); err != nil || token != "token" {
			t.Fatalf("%q, %v", token, err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times for a token that holds for an hour", asked)
	}
}

func TestFilesOfTheEnvironmentAreReadWithinBoundsAlsoOnceTheyAreReplaced(t *testing.T) {
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", token)
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "WorkloadIdentityCredential")
	t.Setenv("AZURE_CLIENT_ID", "c")
	t.Setenv("AZURE_TENANT_ID", "t")
	t.Setenv("AZURE_AUTHORITY_HOST", "https://127.0.0.1:1/")
	const host = "shop.servicebus.windows.net"
	source := entra.For(entra.EventHubsScope(host), host)
	for _, c := range []struct {
		make func() error
		says string
	}{
		{func() error { return syscall.Mkfifo(token, 0o600) },
			"AZURE_FEDERATED_TOKEN_FILE: read " + token + ": it is not a regular file"},
		{func() error { return os.Symlink("/dev/zero", token) }, "it is not a regular file"},
		{func() error { return os.WriteFile(token, make([]byte, config.MaxFile+1), 0o600) }, "it is larger than"},
		{func() error { return os.WriteFile(token, []byte("a.b.c"), 0o600) }, "take a token"}, // it is used
	} {
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // whoever waits for a pipe ends with this
		_, err := source(ctx)
		cancel()
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want one that says %q", err, c.says)
		}
		if err := os.Remove(token); err != nil {
			t.Fatal(err)
		}
	}
}

type failing struct{ err error }

func (f failing) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, f.err
}

func TestATokenThatCannotBeGivenNowIsToldFromAnIdentityThatGetsNone(t *testing.T) {
	answered := func(status int) error {
		request := httptest.NewRequest(http.MethodPost, "https://login.microsoftonline.com/token", nil)
		return &azidentity.AuthenticationFailedError{RawResponse: &http.Response{StatusCode: status,
			Status: strconv.Itoa(status), Request: request, Body: http.NoBody}}
	}
	for _, c := range []struct {
		err     error
		passing bool
	}{
		{answered(http.StatusServiceUnavailable), true},
		{answered(http.StatusTooManyRequests), true},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, true},
		{answered(http.StatusUnauthorized), false},
		{answered(http.StatusBadRequest), false},
		{errors.New("no identity here"), false},
	} {
		source := entra.From("scope", func() (azcore.TokenCredential, error) { return failing{c.err}, nil })
		_, err := source(t.Context())
		failure, ok := errors.AsType[*entra.Failure](err)
		if !ok || failure.Passing() != c.passing {
			t.Errorf("%v: passing is to be %t", err, c.passing)
		}
		config := pgrepl.Config{Host: "127.0.0.1", Port: 1, User: "u", Database: "d", Token: source}
		if _, err := config.Connect(t.Context()); pgrepl.Transient(err) != c.passing {
			t.Errorf("%v: to be waited for is to be %t", err, c.passing)
		}
	}
}
