package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/calypso-cdc/calypso/libs/probe"
)

func TestTheProbeEndsWithAStatusAndAReportOfWhatItFound(t *testing.T) {
	finding := func(v probe.Verdict) probe.Finding {
		return probe.Finding{Name: "an experiment", Expected: "this", Seen: "that", Verdict: v, Follows: "nothing"}
	}
	for _, c := range []struct {
		findings []probe.Finding
		exit     int
	}{
		{[]probe.Finding{finding(probe.AsExpected)}, ExitOK},
		{[]probe.Finding{finding(probe.AsExpected), finding(probe.Untried)}, ExitOK},
		{[]probe.Finding{finding(probe.Otherwise), finding(probe.Untried)}, ExitDifferent},
		{[]probe.Finding{finding(probe.Untried)}, ExitUsage},
	} {
		for _, name := range []string{"report.md", "report.json"} {
			path := filepath.Join(t.TempDir(), name)
			file, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			s := &session{out: &out, output: "table"}
			for _, f := range c.findings {
				showFinding(s, f)
			}
			err = conclude(s, &probe.Report{Service: "a service", Findings: c.findings, Left: []string{"a table"}}, file)
			if Exit(err) != c.exit {
				t.Errorf("%+v: status %d, want %d (%v)", c.findings, Exit(err), c.exit, err)
			}
			if !strings.Contains(out.String(), "that") || !strings.Contains(out.String(), "LEFT BEHIND: a table") {
				t.Errorf("printed: %s", &out)
			}
			text, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(text), "an experiment") || json.Valid(text) != (name == "report.json") {
				t.Errorf("%s: %s, %v", name, text, err)
			}
		}
	}
}

func TestAProbeReachesAClusterBehindAProxy(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Host)
		cancel()
		w.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	var out bytes.Buffer
	err := Run(ctx, "test", []string{"probe", "adx", "--url", "https://x.kusto.windows.net", "--database", "shop",
		"--auth", "NONE", "--proxy", proxy.URL}, nil, &out)
	if asked.Load() != "x.kusto.windows.net:443" {
		t.Errorf("the proxy was asked for %v: %v\n%s", asked.Load(), err, &out)
	}
}

func TestAProbeSaysWhatItNeedsToBeTold(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"probe", "adx", "--database", "shop"}, "--url and --database are needed"},
		{[]string{"probe", "adx", "--url", "https://x.kusto.windows.net", "--database", "shop"}, "aad.auth.appid"},
		{[]string{"probe", "adx", "--url", "https://evil.example", "--database", "shop", "--auth", "NONE"}, "evil.example"},
		{[]string{"probe", "adx", "--url", "https://x.kusto.windows.net", "--database", "shop", "--app-key", "s3cret"},
			"app-key"},
	} {
		for _, name := range []string{"CALYPSO_ADX_URL", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"} {
			t.Setenv(name, "")
		}
		err := Run(t.Context(), "test", c.args, nil, &bytes.Buffer{})
		if Exit(err) != ExitUsage || !strings.Contains(Message(err), c.want) || strings.Contains(Message(err), "s3cret") {
			t.Errorf("%v: status %d, %v", c.args, Exit(err), err)
		}
	}
}

func TestAReportHoldsNoSecretsOfAddressesEither(t *testing.T) {
	const secret = "s3cret-of-an-address"
	for _, host := range []string{"postgres://u:" + secret + "@127.0.0.1:1/shop", "host=127.0.0.1 password=" + secret} {
		path := filepath.Join(t.TempDir(), "report.md")
		var out bytes.Buffer
		err := Run(t.Context(), "test", []string{"probe", "postgres", "--host", host, "--database", "shop", "--report", path},
			nil, &out)
		if err == nil {
			t.Errorf("%s was probed", host)
		}
		report, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(report), "the way to the server") {
			t.Errorf("%s: no report: %.200s (%v)", host, report, err)
		}
		if strings.Contains(string(report)+out.String()+Message(err), secret) {
			t.Errorf("%s: the secret is told: %.500s", host, report)
		}
	}
}
