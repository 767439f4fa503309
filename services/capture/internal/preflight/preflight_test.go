package preflight

import (
	"errors"
	"fmt"
	"testing"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

func TestARemedyStandsBesideTheFindingAndNotInItToo(t *testing.T) {
	err := fmt.Errorf("look at the source: %w", &pgrepl.Error{Reason: pgrepl.ReasonUnreachable, Op: "connect",
		Err: errors.New("refused"), Remedy: "See that it runs."})
	c := Finding("connection", "", err)
	if c.Detail != "look at the source: connect: refused (SERVER_UNREACHABLE)" || c.Remedy != "See that it runs." {
		t.Errorf("detail %q, remedy %q", c.Detail, c.Remedy)
	}
}
