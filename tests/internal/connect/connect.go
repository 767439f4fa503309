// Package connect calls the Kafka Connect REST API, as users and their tools do.
package connect

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Client calls the API at URL (scheme://host:port).
type Client struct{ URL string }

// Error is an answer with a status of 300 or more.
type Error struct {
	Call   string
	Status int
	// Message is the answer's message, or its whole body where it is not the API's JSON.
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %d: %s", e.Call, e.Status, e.Message) }

// Status is the answer of GET /connectors/{name}/status.
type Status struct {
	Name      string
	Connector State
	Tasks     []State
	Type      string
}

// State is the state of a connector or a task.
type State struct {
	ID       int
	State    string
	WorkerID string `json:"worker_id"`
	Trace    string
}

// Call sends body as JSON (none if nil; verbatim if it is a []byte) and reads the answer into out unless that is nil.
func (c Client) Call(ctx context.Context, method, path string, body, out any) error {
	var payload io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		payload = bytes.NewReader(b)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("%s %s: write the body: %w", method, path, err)
		}
		payload = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, payload)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	if resp.StatusCode >= 300 {
		failure := struct{ Message string }{string(answer)}
		_ = json.Unmarshal(answer, &failure)
		return &Error{Call: method + " " + path, Status: resp.StatusCode, Message: failure.Message}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: read %.200q: %w", method, path, answer, err)
	}
	return nil
}

// Create registers a connector; initialState is "" for RUNNING.
func (c Client) Create(ctx context.Context, name string, config map[string]string, initialState string) error {
	body := map[string]any{"name": name, "config": config}
	if initialState != "" {
		body["initial_state"] = initialState
	}
	return c.Call(ctx, http.MethodPost, "/connectors", body, nil)
}

// Delete removes a connector.
func (c Client) Delete(ctx context.Context, name string) error {
	return c.Call(ctx, http.MethodDelete, "/connectors/"+url.PathEscape(name), nil, nil)
}

// Put sends PUT /connectors/{name}/{verb}: pause, resume or stop.
func (c Client) Put(ctx context.Context, name, verb string) error {
	return c.Call(ctx, http.MethodPut, "/connectors/"+url.PathEscape(name)+"/"+verb, nil, nil)
}

// Status reads a connector's status.
func (c Client) Status(ctx context.Context, name string) (Status, error) {
	var s Status
	err := c.Call(ctx, http.MethodGet, "/connectors/"+url.PathEscape(name)+"/status", nil, &s)
	return s, err
}

// Running returns nil if the connector and all of its tasks, at least one, are RUNNING, else the status or trace.
func (c Client) Running(ctx context.Context, name string) error {
	s, err := c.Status(ctx, name)
	if err != nil {
		return err
	}
	for _, part := range append([]State{s.Connector}, s.Tasks...) {
		if part.State != "RUNNING" {
			return fmt.Errorf("connector %s is %s: %s", name, part.State, part.Trace)
		}
	}
	if len(s.Tasks) == 0 {
		return fmt.Errorf("connector %s has no tasks yet", name)
	}
	return nil
}

// Trace returns the trace of the first part of a connector that has one, "" if none has.
func (c Client) Trace(ctx context.Context, name string) (string, error) {
	s, err := c.Status(ctx, name)
	if err != nil {
		return "", err
	}
	for _, part := range append([]State{s.Connector}, s.Tasks...) {
		if part.Trace != "" {
			return part.Trace, nil
		}
	}
	return "", nil
}
