package api

import (
	"testing"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

func TestAKindOfNoticeHasTheNumberAndTheNameThatItHasInTheAPI(t *testing.T) {
	for number, name := range sinkv1.SinkNotice_Kind_name {
		if kind := status.Kind(number); number != 0 && kind.String() != name {
			t.Errorf("%d is %q, want %q", number, kind, name)
		}
	}
}
