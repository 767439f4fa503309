package connector_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestValidationAsksTheSchemaRegistriesOfTheConverters(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	answering := func(status int, media, text string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", media)
			if user, password, _ := r.BasicAuth(); user != "sink" || password != "canary" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	const registryMedia, right = "application/vnd.schemaregistry.v1+json", "sink:canary"
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connections are taken by the system, and nobody speaks
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	ssh := testenv.Speaker(t, "SSH-2.0-OpenSSH_9.2p1\r\n", "")
	empty := answering(404, registryMedia, `{"error_code":40403,"message":"Schema 1 not found"}`)
	for name, c := range map[string]struct {
		url, credentials string
		// says is what the finding has, with the remedy; empty if nothing is wrong.
		says []string
	}{
		"an empty registry":           {empty, right, nil},
		"a registry with a schema":    {answering(200, registryMedia, `{"schema":"\"string\""}`), right, nil},
		"a wrong password":            {empty, "sink:wrong", []string{"the registry answered 401", "Set value.converter.basic.auth.user.info"}},
		"no password":                 {empty, "", []string{"the registry answered 401", "Set value.converter.basic.auth.user.info"}},
		"Kafka Connect":               {answering(404, "application/json", `{"error_code":404,"message":"HTTP 404 Not Found"}`), right, []string{"is not a schema registry but a server of Kafka Connect's kind", "Set value.converter.schema.registry.url"}},
		"a page":                      {answering(200, "text/html", "<title>Welcome</title>"), right, []string{`a web page called "Welcome"`, "Set value.converter.schema.registry.url"}},
		"a gateway":                   {answering(404, "application/json", `{"message":"no Route matched with those values"}`), right, []string{"404", "schema.registry.url"}},
		"SSH":                         {"http://" + ssh.String(), "", []string{"an SSH server", "Set value.converter.schema.registry.url"}},
		"nobody":                      {"http://127.0.0.1:1", "", []string{"connection refused", "can be reached from worker w1:1"}},
		"a server that never answers": {"http://" + silent.Addr().String(), "", []string{"does not answer within 5s", "can be reached from worker w1:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := []string{"name", "a", "value.converter", "io.confluent.connect.avro.AvroConverter",
				"value.converter.schema.registry.url", c.url}
			if c.credentials != "" {
				given = append(given, "value.converter.basic.auth.credentials.source", "USER_INFO",
					"value.converter.basic.auth.user.info", c.credentials)
			}
			response, err := w.ValidateConfig(t.Context(), &connectorv1.ValidateConfigRequest{Plugin: "BoardSource",
				Config: config(given...)})
			if err != nil {
				t.Fatal(err)
			}
			found := response.Checks[len(response.Checks)-1]
			if found.Name != "schema registry of value.converter" || found.Ok != (c.says == nil) ||
				(response.ErrorCount == 0) != (c.says == nil) || strings.Contains(found.String(), "canary") {
				t.Fatalf("%v", response)
			}
			for _, says := range c.says {
				if !strings.Contains(found.Detail+" "+found.Remedy, says) {
					t.Errorf("%q, %q\nwant %q", found.Detail, found.Remedy, says)
				}
			}
		})
	}
}
