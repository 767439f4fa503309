package target

import (
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

func TestWhatIsMissingOfATargetIsWhatItsRemedyMakes(t *testing.T) {
	of := New(Cluster{Spec: &spec.Spec{}}).alone(route.Route{Topic: "s.a.b", Database: "db", Table: "T", Format: "json", Mapping: "M"})
	for code, want := range map[string]string{
		"BadRequest_MappingReferenceWasNotFound": ".create-or-alter table ['T'] ingestion json mapping 'M'",
		"BadRequest_TableNotExist":               "calypsoctl offsets reset",
	} {
		said := of.Explain(&kusto.Error{Code: code, Permanent: true}).Error()
		if !strings.Contains(said, want) || strings.Contains(said, "offsets reset") != strings.Contains(want,
			"offsets reset") {
			t.Errorf("%s: %s", code, said)
		}
	}
}
