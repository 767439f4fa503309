package sink

import (
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

func TestTheEmulatorTakesRowsWithinCommandsAndSaysWhatItLacks(t *testing.T) {
	for _, way := range []string{"syntax-error", "wrong-endpoint"} {
		t.Run(way, func(t *testing.T) {
			instead(t, "--emulator", way)
			s := newFixture(t, 1, nil)
			s.produce(1, 30, 1)
			s.dies("before_commit")
			s.start() // sends again what is in the table
			s.holds(30)
			s.commits(0, 29)

			for mode, want := range map[string]string{"queued": "inline", "adaptive": "inline", "streaming": "inline"} {
				s := newFixture(t, 1, map[string]string{"ingestion.mode": mode})
				if err := s.start().failure(t); !strings.Contains(err.Error(), "emulator") || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v", mode, err)
				}
				failed := false
				for _, c := range checksOf(t, s.config) {
					failed = failed || c.Name == "ingestion" && !c.OK && strings.Contains(c.Detail, "emulator")
				}
				if !failed {
					t.Errorf("the check of %s says nothing of it: %+v", mode, checksOf(t, s.config))
				}
			}
			for _, c := range checksOf(t, s.config) {
				if !c.OK || c.Name == "ingestion" && !strings.Contains(c.Detail, "within commands") || c.Name == "status requests" {
					t.Errorf("%+v", c)
				}
			}
		})
	}
}

// The query endpoint of a cluster refuses to say where to queue as the emulator does. Rows are not
// to go within commands there.
func TestAQueryEndpointInThePlaceOfTheIngestionEndpointIsNamedAndNotTakenForTheEmulator(t *testing.T) {
	for _, way := range []string{"syntax-error", "wrong-endpoint"} {
		instead(t, "--emulator", way)
		s := newFixture(t, 1, map[string]string{"kusto.query.url": servers.adx.https.URL,
			"kusto.ingestion.url": servers.adx.https.URL})
		delete(s.config, "kusto.url")
		if err := s.start().failure(t); !strings.Contains(err.Error(), "kusto.ingestion.url") ||
			!strings.Contains(err.Error(), "https://ingest-") {
			t.Errorf("%s: %v", way, err)
		}
	}
}

func TestTheCheckSaysHowManyPartitionsTheTableOfStatusesHasRoomFor(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"flush.interval.ms": "30000"})
	said := map[string]string{}
	for _, c := range checksOf(t, s.config) {
		if said[c.Name] = c.Detail; !c.OK {
			t.Errorf("%+v", c)
		}
	}
	for name, want := range map[string]string{"status requests": "enough for 3 such partitions",
		"ingestion capacity": "ingestions at a time, of which ", "ingestion": "queued ingestion",
		"batching of shop." + s.table: "at most flush.interval.ms (30s)"} {
		if !strings.Contains(said[name], want) {
			t.Errorf("%s: %q does not say %q", name, said[name], want)
		}
	}
}

func TestTheCheckSaysWhichRoleSeesTheCapacityOfTheCluster(t *testing.T) {
	s := newFixture(t, 1, nil)
	instead(t, "--roles", "ingestor,viewer")
	s.config["kusto.url"], s.config["kusto.tls.ca.file"] = servers.adx.url, servers.adx.caFile
	for _, c := range checksOf(t, s.config) {
		if c.Name == "ingestion capacity" && (!c.OK || !strings.Contains(c.Detail, "Database User")) {
			t.Errorf("%+v", c)
		}
	}
}

func TestTheCheckOfATableThatIsMissingNamesTheConnectorInItsRemedy(t *testing.T) {
	s := newFixture(t, 1, nil)
	s.manage(".drop table " + s.table)
	for _, c := range checksOf(t, s.config) {
		if strings.Contains(c.Detail+c.Remedy, "offsets reset") {
			if want := "offsets reset " + s.config["name"] + " "; !strings.Contains(c.Detail+c.Remedy, want) {
				t.Errorf("%+v does not say %q", c, want)
			}
			return
		}
	}
	t.Error("no check says how a table gets its rows again")
}

// checksOf are the checks of a configuration.
func checksOf(t *testing.T, config map[string]string) []connector.Check {
	t.Helper()
	keys, err := spec.Keys()
	if err != nil {
		t.Fatal(err)
	}
	values, _, problems := keys.Parse(config)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return check(t.Context(), values, Options{})
}
