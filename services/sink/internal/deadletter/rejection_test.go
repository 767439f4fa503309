package deadletter

import (
	"errors"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

func TestTheRemedyOfARecordNamesTheSettingThatItIsRefusedFor(t *testing.T) {
	for want, reason := range map[string]error{
		"Set value.converter to what": errors.New("value.converter: the record is not in Confluent's wire format"),
		"ExtractNewRecordState":       &row.Refused{Reason: "no column takes any of its fields"},
		"values.check=null":           &row.Refused{Column: "amount", Reason: "it is no number"},
		"Change the transform":        &spec.TransformError{},
	} {
		if got := Remedy(reason); !strings.Contains(got, want) {
			t.Errorf("of %v: %s; want %s", reason, got, want)
		}
	}
}
