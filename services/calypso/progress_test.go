package calypso

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestRemarksOnAStepAreWrittenToAFileToo(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		var out bytes.Buffer
		p := &progress{out: &out, terminal: terminal}
		_ = p.step("PostgreSQL", func(note func(string)) (string, error) {
			note("downloading its binaries")
			return "17.2", nil
		})
		_ = p.step("Kafka", func(func(string)) (string, error) { return "", errors.New("no") })
		for _, want := range []string{"downloading its binaries", "✓ PostgreSQL", "17.2", "✗ Kafka"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("terminal %t: %q is not in %q", terminal, want, out.String())
			}
		}
		if !terminal && strings.Contains(out.String(), "\r") {
			t.Errorf("a line is written over in a file: %q", out.String())
		}
	}
}
