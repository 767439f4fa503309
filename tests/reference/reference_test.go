package main

import (
	"bytes"
	"os"
	"testing"
)

func TestTheConfigurationReferenceIsWhatTheCatalogueSays(t *testing.T) {
	var want bytes.Buffer
	if err := write(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("docs/configuration.md is not what the catalogue gives; run make docs and commit the result")
	}
}
