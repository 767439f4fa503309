package main

import (
	"bytes"
	"io"
	"os"
	"testing"
)

func TestTheReferencesAreWhatTheCodeSays(t *testing.T) {
	for name, page := range map[string]func(io.Writer) error{"configuration": write, "metrics": writeMetrics} {
		var want bytes.Buffer
		if err := page(&want); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("../../docs/" + name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("docs/%s.md is not what the code gives; run make docs and commit the result", name)
		}
	}
}
