package calypso

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/examples/orders"
	"github.com/calypso-cdc/calypso/libs/kusto"
)

// connectorFile is one of the use case's JSON files. Values stay as they are written: strings and numbers.
type connectorFile struct {
	Name   string         `json:"name"`
	Config map[string]any `json:"config"`
}

func parseFile(text string) (connectorFile, error) {
	var f connectorFile
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&f); err != nil {
		return f, fmt.Errorf("read a connector's file: %w", err)
	}
	return f, nil
}

// sourceFile returns pg-source-config.json with its placeholders filled in.
func sourceFile(s *source) (connectorFile, error) {
	f, err := parseFile(orders.SourceConfig)
	if err != nil {
		return f, err
	}
	f.Config["database.hostname"] = s.Host
	f.Config["database.port"] = strconv.Itoa(int(s.Port))
	f.Config["database.user"] = s.User
	f.Config["database.password"] = s.Password.Reveal()
	f.Config["database.dbname"] = s.Database
	f.Config["database.sslmode"] = s.SSLMode
	if !s.Wal2json {
		f.Config["plugin.name"] = "pgoutput"
	}
	return f, nil
}

// withNativeEvents sets the keys with which events have PostgreSQL's values where Debezium invents
// or omits them.
func (f connectorFile) withNativeEvents() connectorFile {
	for _, key := range []string{"unchanged.columns.list", "before.known.only", "include.unknown.datatypes",
		"unknown.datatypes.as.text"} {
		f.Config[key] = "true"
	}
	return f
}

// sinkFile returns adx-sink-config.json with its placeholders filled in.
func sinkFile(t *target) (connectorFile, error) {
	f, err := parseFile(strings.ReplaceAll(orders.SinkConfig, "<DATABASE_NAME>", t.Database))
	if err != nil {
		return f, err
	}
	f.Config["kusto.url"] = t.URL
	f.Config["aad.auth.authority"] = t.auth.Authority
	f.Config["aad.auth.appid"] = t.auth.AppID
	f.Config["aad.auth.appkey"] = t.auth.AppKey
	if t.auth.Strategy == kusto.NoAuth {
		for _, key := range []string{"aad.auth.authority", "aad.auth.appid", "aad.auth.appkey"} {
			delete(f.Config, key)
		}
		f.Config["aad.auth.strategy"] = string(t.auth.Strategy)
	}
	return f, nil
}

// places are the keys with the addresses of source and target, which are updated at each start.
var places = []string{"database.hostname", "database.port", "kusto.url"}

// register posts a connector to the Kafka Connect API at base. If it exists already, only the
// addresses of source and target in its configuration are changed. register tries again while the
// API answers that it is not ready.
func register(ctx context.Context, base string, f connectorFile) error {
	code, answer, err := call(ctx, http.MethodPost, base+"/connectors", f)
	for attempt := 0; err == nil && (code == http.StatusServiceUnavailable || code == http.StatusInternalServerError) &&
		attempt < 60; attempt++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
		code, answer, err = call(ctx, http.MethodPost, base+"/connectors", f)
	}
	if err == nil && code == http.StatusConflict {
		return follow(ctx, base, f)
	}
	return outcome("registering connector "+f.Name, http.StatusCreated, code, answer, err)
}

// follow updates the addresses of an existing connector if they have changed.
func follow(ctx context.Context, base string, f connectorFile) error {
	what := "look at connector " + f.Name
	code, answer, err := call(ctx, http.MethodGet, base+"/connectors/"+f.Name+"/config", nil)
	if err := outcome(what, http.StatusOK, code, answer, err); err != nil {
		return err
	}
	var now map[string]string
	if err := json.Unmarshal(answer, &now); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	changed := map[string]any{}
	for _, key := range places {
		if value, ok := f.Config[key]; ok && value != now[key] {
			changed[key] = value
		}
	}
	if len(changed) == 0 {
		return nil
	}
	code, answer, err = call(ctx, http.MethodPatch, base+"/connectors/"+f.Name+"/config", changed)
	return outcome("moving connector "+f.Name, http.StatusOK, code, answer, err)
}

// maxAnswer bounds an answer in bytes.
const maxAnswer = 1 << 20

func call(ctx context.Context, method, url string, body any) (code int, answer []byte, err error) {
	var content []byte
	if body != nil {
		if content, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(content))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, answer, err
}

// outcome is an error unless code is want. The answer's message holds no secret: the API masks them.
func outcome(what string, want, code int, answer []byte, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if code == want {
		return nil
	}
	var said struct{ Message string }
	if json.Unmarshal(answer, &said) != nil || said.Message == "" {
		said.Message = string(answer)
	}
	return fmt.Errorf("%s: the answer is %d: %s", what, code, said.Message)
}
