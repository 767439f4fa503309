package localadx_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheExampleAndItsDashboardRun(t *testing.T) {
	directory := filepath.Join("..", "..", "examples", "orders")
	script, err := os.ReadFile(filepath.Join(directory, "orders.kql"))
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, t.TempDir())
	asked := 0
	for _, statement := range strings.Split(string(script), "\n\n") {
		var lines []string
		for _, line := range strings.Split(statement, "\n") {
			if !strings.HasPrefix(line, "//") {
				lines = append(lines, line)
			}
		}
		statement = strings.TrimSpace(strings.Join(lines, "\n"))
		switch {
		case statement == "":
		case strings.HasPrefix(statement, "."):
			r.command(statement)
		default:
			r.query(statement)
			asked++
		}
	}
	if asked != 7 {
		t.Errorf("orders.kql asks %d questions, want 7", asked)
	}
	r.command(".ingest inline into table Orders <| 1,77,New York,140,2020-10-09 07:10:49")

	text, err := os.ReadFile(filepath.Join(directory, "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Tiles []struct{ Title, Query string }
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	if len(dashboard.Tiles) != 7 {
		t.Errorf("the dashboard has %d tiles, want 7", len(dashboard.Tiles))
	}
	for _, tile := range dashboard.Tiles {
		if rows := r.query(tile.Query); len(rows) != 1 {
			t.Errorf("tile %q shows %d rows of one order, want 1", tile.Title, len(rows))
		}
	}
}
