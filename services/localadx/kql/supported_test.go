package kql

import (
	"slices"
	"strings"
	"testing"
)

func TestTheListOfSupportedNamesHoldsWhatQueriesMayCall(t *testing.T) {
	s := SupportedNames()
	for _, name := range []string{"strcat", "iff", "bin", "prev", "parse_url", "geo_point_to_h3cell"} {
		if !slices.Contains(s.Functions, name) {
			t.Errorf("the functions lack %s", name)
		}
	}
	if !slices.Contains(s.Aggregates, "arg_max") || !slices.Contains(s.Plugins, "pivot") ||
		!slices.Contains(s.Operators, "mv-expand") {
		t.Errorf("aggregates %v, plugins %v or operators %v lack a name", s.Aggregates, s.Plugins, s.Operators)
	}
	for _, name := range []string{"reduce", "scan", "sample-distinct", "top-hitters", "top-nested", "consume"} {
		if !slices.Contains(s.Operators, name) || !slices.Contains(Operators(), name) {
			t.Errorf("%s is not listed, or an editor does not complete it", name)
		}
	}
	for _, name := range internalFunctions {
		if slices.Contains(s.Functions, name) {
			t.Errorf("the internal function %s is listed", name)
		}
		if len(builtinFunctions()[name]) == 0 {
			t.Errorf("the internal function %s does not exist", name)
		}
	}
	for _, name := range strings.Fields(unsupportedFunctions) {
		if slices.Contains(s.Functions, name) || slices.Contains(s.Aggregates, name) {
			t.Errorf("%s is both supported and unsupported", name)
		}
	}
}
