package spelling_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/spelling"
)

func TestTheNearestNameIsFoundAndADistantOneIsNot(t *testing.T) {
	names := slices.Values([]string{"table.include.list", "table.exclude.list", "database.port", "database.hostname",
		"database.user", "database.server.name", "slot.name"})
	for given, want := range map[string]string{
		"table.includ.list":       "table.include.list",
		"Database.Prot":           "database.port",
		"slotname":                "slot.name",
		"database.host":           "database.hostname",
		"database.username":       "database.user",
		"database.server.id":      "", // another connector's key
		"entirely.different":      "",
		"":                        "",
		strings.Repeat("x", 5000): "",
	} {
		if got := spelling.Nearest(given, names); got != want {
			t.Errorf("Nearest(%.30q) = %q, want %q", given, got, want)
		}
	}
}
