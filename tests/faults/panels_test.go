package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

// unseen are words of queries that have no answer when nothing is wrong, or here, each with the reason.
var unseen = map[string]string{
	"cdc_pipeline_slot_full_seconds":                         "no slot fills",
	"calypso_connector_task_starts_total":                    "no task was started in the last minute",
	"cdc_pipeline_open_dead_letters":                         "no sink has a topic for dead letters",
	"cdc_sink_refused_records_total":                         "the sinks stop at a record that does not fit",
	"cdc_pipeline_slot_oldest_transaction_timestamp_seconds": "no transaction is open for long",
	"cdc_capture_decode_errors_total":                        "nothing that cannot be decoded was read",
}

var variable = regexp.MustCompile(`\$\{?\w+\}?`)

// checkPanels asks Prometheus each query of the dashboards, as Grafana would for all pipelines: it must
// have an answer in a stack that works and has had so many faults.
func (r *rig) checkPanels(t *testing.T) {
	if r.alarms == nil {
		t.Skip("Prometheus is not here: it comes with Debian's package prometheus")
	}
	files, err := filepath.Glob(filepath.Join(observability(t), "dashboards", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no dashboards: %v", err)
	}
	var all []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var board any
		if err := json.Unmarshal(text, &board); err != nil {
			t.Fatal(err)
		}
		all = queries(board, all)
	}
	testenv.Eventually(t, *patience, "answers to the queries of all panels", func(context.Context) error {
		var missing []error
		for _, query := range all {
			asked := variable.ReplaceAllStringFunc(query, func(name string) string {
				if strings.Contains(name, "__") { // an interval
					return "1m"
				}
				return ".*"
			})
			switch n, err := r.alarms.count(asked); {
			case err != nil:
				missing = append(missing, fmt.Errorf("%s: %w", asked, err))
			case n == 0 && !excused(query):
				missing = append(missing, fmt.Errorf("%s has no answer", asked))
			}
		}
		return errors.Join(missing...)
	})
}

// excused reports whether a query may have no answer here.
func excused(query string) bool {
	for word := range unseen {
		if strings.Contains(query, word) {
			return true
		}
	}
	return false
}

// queries are those of a part of a dashboard, however deep.
func queries(part any, found []string) []string {
	switch part := part.(type) {
	case map[string]any:
		if query, ok := part["expr"].(string); ok && !slices.Contains(found, query) {
			found = append(found, query)
		}
		for _, below := range part {
			found = queries(below, found)
		}
	case []any:
		for _, below := range part {
			found = queries(below, found)
		}
	}
	return found
}

// count is how many series a query has now.
func (a *alarms) count(query string) (int, error) {
	response, err := http.Get(a.prometheus + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []json.RawMessage }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if answer.Status != "success" {
		return 0, fmt.Errorf("Prometheus refuses it: %s", answer.Error)
	}
	return len(answer.Data.Result), nil
}
