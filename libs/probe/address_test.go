package probe_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/probe"
)

func TestAProbeThatDoesNotReachTheClusterSaysWhatToGiveInstead(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	secured := httptest.NewUnstartedServer(http.NotFoundHandler())
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	secured.StartTLS()
	t.Cleanup(secured.Close)
	for name, c := range map[string]struct {
		url           string
		seen, follows []string
	}{
		"an authority that nobody knows": {secured.URL,
			[]string{"signed by O=Acme Co", "not trusted"}, []string{"--ca-file"}},
		"another server": {plain.URL, []string{`says "404 page not found"`}, []string{"--url"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := kusto.New(kusto.Config{Endpoints: kusto.Endpoints{Query: c.url, Ingest: c.url},
				Auth: kusto.Auth{Strategy: kusto.NoAuth}})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			report := probe.ADX(t.Context(), client, "shop", probe.Options{Told: func(probe.Finding) {}})
			f := report.Findings[0]
			for _, want := range c.seen {
				if !strings.Contains(f.Seen, want) {
					t.Errorf("seen: %s\nwant %s", f.Seen, want)
				}
			}
			for _, want := range c.follows {
				if !strings.Contains(f.Follows, want) || strings.Contains(f.Follows, "role") {
					t.Errorf("what follows: %s\nwant %s", f.Follows, want)
				}
			}
		})
	}
}
