package version

import (
	"runtime/debug"
	"testing"
)

func TestALineNamesProgramVersionCommitAndGo(t *testing.T) {
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: "5f3a"}, {Key: "vcs.modified", Value: modified}}
	}
	for want, of := range map[string]struct {
		linked string
		info   debug.BuildInfo
	}{
		"sink v1 (commit 5f3a, go1.26.0)":                {"v1", debug.BuildInfo{GoVersion: "go1.26.0", Settings: vcs("false")}},
		"sink v1 (commit 5f3a, changed since, go1.26.0)": {"v1", debug.BuildInfo{GoVersion: "go1.26.0", Settings: vcs("true")}},
		"sink v2 (commit unknown, go1.26.0)": {"development",
			debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "v2"}}},
		"sink development (commit unknown, unknown Go)": {"development", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}},
	} {
		if got := line("sink", of.linked, &of.info); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
