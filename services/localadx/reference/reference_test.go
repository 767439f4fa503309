package reference_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/reference"
)

func TestThePageInDocsIsCurrent(t *testing.T) {
	var want bytes.Buffer
	if err := reference.Write(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/localadx.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("docs/localadx.md is not what the code supports: run go generate ./reference in services/localadx")
	}
}
