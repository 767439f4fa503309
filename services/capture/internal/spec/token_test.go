package spec

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestTokensAreThoseOfTheCloudThatTheServerIsIn(t *testing.T) {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"access_token": "for " + r.URL.Query().Get("resource"),
			"token_type": "Bearer", "resource": r.URL.Query().Get("resource"),
			"expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix())})
	}))
	defer endpoint.Close()
	t.Setenv("IDENTITY_ENDPOINT", endpoint.URL)
	t.Setenv("IDENTITY_HEADER", "of this machine")
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
	keys, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"shop.postgres.database.azure.com":                                                     "https://ossrdbms-aad.database.windows.net",
		"shop.postgres.database.usgovcloudapi.net":                                             "https://ossrdbms-aad.database.usgovcloudapi.net",
		"shop.postgres.database.usgovcloudapi.net:5432":                                        "https://ossrdbms-aad.database.usgovcloudapi.net",
		"a.postgres.database.chinacloudapi.cn:5432, b.postgres.database.chinacloudapi.cn:5432": "https://ossrdbms-aad.database.chinacloudapi.cn",
		"10.0.0.4:5432,shop.postgres.database.usgovcloudapi.net:5432":                          "https://ossrdbms-aad.database.usgovcloudapi.net",
	} {
		values, _, problems := keys.Parse(map[string]string{
			"name": "c", "connector.class": "x", "topic.prefix": "p", "database.hostname": host, "database.dbname": "d",
			"database.user": "u", "database.connection.factory.class": "entra",
		})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		s, err := Parse(values)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Connection.Token(t.Context()); got != "for "+want || err != nil {
			t.Errorf("%s: token %q (%v), want one for %s", host, got, err, want)
		}
	}
}
