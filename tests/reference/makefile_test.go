package main

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// dryRun returns what make would run, or print, without running it.
func dryRun(t *testing.T, arguments ...string) string {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed")
	}
	out, err := exec.CommandContext(t.Context(), "make",
		append([]string{"--no-print-directory", "-C", filepath.Join("..", "..")}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("make %s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
	return string(out)
}

// helpOf is what make help says of a target.
func helpOf(t *testing.T, target string) string {
	t.Helper()
	for line := range strings.Lines(dryRun(t, "help")) {
		if name, said, found := strings.Cut(strings.TrimSpace(line), " "); found && name == "make" {
			if name, said, _ = strings.Cut(said, " "); name == target {
				return strings.TrimSpace(said)
			}
		}
	}
	t.Fatalf("make help does not list %s", target)
	return ""
}

func TestGrpcurlIsBuiltAloneAndWhatBuildsAllToolsSaysWhatThatTakes(t *testing.T) {
	// Everything is made anew (-B), since what is there already would not be built.
	if alone := dryRun(t, "-nB", "grpcurl"); strings.Count(alone, " build ") != 1 ||
		!strings.Contains(alone, "github.com/fullstorydev/grpcurl/cmd/grpcurl") || !strings.Contains(alone, ".tools/bin/") {
		t.Errorf("make grpcurl builds more or something else:\n%s", alone)
	}
	if said := dryRun(t, "-nB", "tools"); !strings.Contains(said, "takes minutes") {
		t.Errorf("make tools builds for minutes without a word:\n%s", said)
	}
	for target, words := range map[string][]string{"tools": {"grpcurl", ".tools/bin", "MB", "minutes"},
		"grpcurl": {".tools/bin"}} {
		for _, word := range words {
			if said := helpOf(t, target); !strings.Contains(said, word) {
				t.Errorf("make help says %q of %s, and nothing of %s", said, target, word)
			}
		}
	}
	readme := pages(t)[filepath.Join("..", "..", "README.md")]
	for _, words := range []string{"`make grpcurl`", "`.tools/bin/grpcurl`"} {
		if !strings.Contains(readme, words) {
			t.Errorf("the README uses grpcurl and does not say %s", words)
		}
	}
}

// services/calypso starts whole pipelines: on a busy machine its tests took longer than 900 s.
func TestNoPackageOfMakeTestHasLessTimeThanASlowMachineTakes(t *testing.T) {
	const enough = 30 * time.Minute
	said := dryRun(t, "-n", "test")
	_, after, found := strings.Cut(said, "-timeout ")
	limit, err := time.ParseDuration(strings.Fields(after + " ")[0])
	if !found || err != nil || limit < enough {
		t.Errorf("make test gives a package %v, want at least %v: %s (%v)", limit, enough, strconv.Quote(said), err)
	}
}
