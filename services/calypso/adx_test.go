package calypso

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/localadx"
)

func TestCredentialsAreDemandedWhereAzureIsAndNowhereElse(t *testing.T) {
	for _, c := range []struct {
		url              string
		noOrders         bool
		tenant, app, key string
		demanded         bool
	}{
		{url: "https://c.r.kusto.windows.net", demanded: true},
		{url: "c.r.kusto.windows.net", demanded: true},
		{url: "https://c.r.kusto.windows.net", noOrders: true},
		{url: "https://c.r.kusto.windows.net", tenant: "t", app: "a", key: "k"},
		{url: "https://c.r.kusto.windows.net", noOrders: true, tenant: "t", demanded: true},
		{url: "http://localadx.example:8082"},
		{url: "https://localadx.example:8443"},
		{url: "http://192.0.2.7:8082"},
		{url: "http://localhost:8082"},
		{url: "http://localadx.example:8082", app: "a", demanded: true},
	} {
		s := settings(t)
		s.ADXURL, s.NoOrders, s.ADXTenant, s.ADXAppID, s.ADXAppKey = c.url, c.noOrders, c.tenant, c.app, config.Secret(c.key)
		if err := s.Validate(); (err != nil) != c.demanded {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestALocaladxElsewhereIsSentNoCredentials(t *testing.T) {
	s := settings(t, "--adx-url", "http://192.0.2.7:8082")
	target, err := openTarget(&s)
	if err != nil {
		t.Fatal(err)
	}
	defer target.client.Close()
	if target.auth.Strategy != kusto.NoAuth || target.client.Endpoints().Ingest != "http://192.0.2.7:8082" {
		t.Errorf("%+v, endpoints %+v", target.auth.Strategy, target.client.Endpoints())
	}
	f, err := sinkFile(target)
	if err != nil || f.Config["aad.auth.strategy"] != string(kusto.NoAuth) || f.Config["aad.auth.appid"] != nil {
		t.Errorf("%v %v", f.Config, err)
	}
}

func TestAStepThatAsksAServerFailsWhereNobodyAnswersAndClaimsNothingWhereNobodyWasAsked(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := "http://" + listener.Addr().String()
	_ = listener.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for _, c := range []struct {
		args       []string
		mark, want string
	}{
		{[]string{"--adx-url", refusing}, "✗", "connection refused"},
		{[]string{"--adx-url", other.URL}, "✗", "404"},
		{[]string{"--adx-url", "https://c.r.kusto.windows.net", "--no-orders"}, "-", "was not asked"},
	} {
		s := settings(t, c.args...)
		var out bytes.Buffer
		sys := &system{settings: &s, progress: newProgress(&out)}
		err := sys.progress.step("Azure Data Explorer", func(note func(string)) (string, error) {
			return sys.startADX(context.WithoutCancel(t.Context()), note)
		})
		said := fmt.Sprint(out.String(), err)
		if !strings.HasPrefix(strings.TrimSpace(out.String()), c.mark) || !strings.Contains(said, c.want) {
			t.Errorf("%v: %s", c.args, said)
		}
		if sys.target != nil {
			_ = sys.target.client.Close()
		}
	}
}

func TestALocaladxElsewhereIsTrustedByTheCertificatesThatAreGiven(t *testing.T) {
	dir := t.TempDir()
	server, err := localadx.New(t.Context(), localadx.Config{HTTPAddr: "localhost:0", HTTPSAddr: "localhost:0", DataDir: dir,
		Databases: []string{"NetDefaultDB"}, MemoryBeside: besideMemory, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	<-server.Ready()
	_, address := server.Addrs()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ca   []string
		want string
	}{
		{nil, "certificate signed by unknown authority"},
		{[]string{"--adx-ca-file", filepath.Join(dir, localadx.CAFile)}, ""},
	} {
		s := settings(t, append(c.ca, "--adx-url", "https://localhost:"+port)...)
		target, err := openTarget(&s)
		if err != nil {
			t.Fatal(err)
		}
		defer target.client.Close()
		switch err := target.answers(t.Context()); {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("with %v: %v", c.ca, err)
		}
		if (target.caFile != "") != (c.ca != nil) { // which the sink's workers are given
			t.Errorf("with %v the sink trusts %q", c.ca, target.caFile)
		}
	}
}
