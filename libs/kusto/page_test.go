package kusto

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestAWebPageInThePlaceOfAzureDataExplorerIsNamedAsSuch(t *testing.T) {
	page := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"a login page": {page(200, "<!DOCTYPE html><html><head><title>\n Sign in to &quot;Contoso&quot;</title></head><body>code=SECRET</body></html>"),
			`is not Azure Data Explorer but a web page called "Sign in to \"Contoso\"" (HTTP 200 OK)`},
		"a page of errors": {page(404, "<html><body>404 SECRET</body></html>"),
			`is not Azure Data Explorer but a web page (HTTP 404 Not Found)`},
		"a gateway that knows no such host": {page(400, "<html><title>Bad Request</title></html>"),
			`is not Azure Data Explorer but a web page called "Bad Request" (HTTP 400 Bad Request)`},
		"a gateway": {page(502, "<html><title>502 Bad Gateway</title></html>"),
			`is not Azure Data Explorer but a web page called "502 Bad Gateway" (HTTP 502 Bad Gateway)`},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://login.example.com/oauth?state=SECRET", http.StatusFound)
		}, `is not Azure Data Explorer: it redirects to login.example.com (HTTP 302 Found)`},
	} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, c.answer)
			_, command := client.Manage(t.Context(), "db", ".show tables")
			_, query := client.Query(t.Context(), "db", "T | count")
			for _, err := range []error{command, query} {
				if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "SECRET") ||
					strings.Contains(err.Error(), "invalid character") {
					t.Errorf("error %v\nwant one that says %s", err, c.says)
				}
				if Permanent(err) {
					t.Errorf("%v is taken for Azure Data Explorer's own word", err)
				}
			}
		})
	}
}
