package admin

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/admin/ctl"
)

// twoFleets is a system with a connector in each fleet that has been looked at.
func twoFleets(t *testing.T) *system {
	t.Helper()
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "adx", sinkClass, map[string]string{"topics": "shop.retail.orders_info"})
	for _, name := range []string{"src", "adx"} {
		s.await(t, name, connectorv1.State_STATE_RUNNING)
	}
	s.captures.set(&capturev1.Capture{Connector: "src", Phase: capturev1.Phase_PHASE_STREAMING,
		Slot: &capturev1.Slot{Name: "shop", RestartLsn: "0/1", Active: true}})
	s.sinks.set(&sinkv1.Sink{Connector: "adx", Guarantee: "exactly once",
		Partitions: []*sinkv1.PartitionProgress{{Topic: "shop.retail.orders_info", TargetDatabase: "shop",
			TargetTable: "Orders", Committed: 3, End: 3,
			Waiting: sinkv1.PartitionProgress_WAITING_NOTHING}}})
	for what, want := range map[string]string{"pipelines": "src", "tables": "shop.Orders"} {
		testenv.Eventually(t, time.Minute, "get "+what+" before", func(context.Context) error {
			if out, code := s.ctl(t, "", "get", what); code != 0 || !strings.Contains(out, want) {
				return fmt.Errorf("%d, lacks %q: %s", code, want, out)
			}
			return nil
		})
	}
	return s
}

func TestWhatOneFleetSaysIsShownWhileTheOtherIsAwayWhichIsNamed(t *testing.T) {
	for _, away := range []string{"capture", "sink"} {
		t.Run(away, func(t *testing.T) {
			s := twoFleets(t)
			s.stop[away]()
			address := map[string]string{"capture": s.capture, "sink": s.sink}[away]
			for command, wanted := range map[string][]string{
				"get connectors": {"src", "adx", "RUNNING", "unknown"},
				"get plugins":    {sourceClass, sinkClass},
				"export":         {map[string]string{"capture": "name: adx", "sink": "name: src"}[away]},
				"get tables":     {"retail.orders_info", "shop.Orders"},
				"get tables src": {"retail.orders_info"},
			} {
				// Tables are as they were a second ago.
				testenv.Eventually(t, time.Minute, command, func(context.Context) error {
					out, code := s.ctl(t, "", strings.Fields(command)...)
					for _, want := range append(wanted, away+" cannot be reached", address) {
						if code != ctl.ExitUnavailable || !strings.Contains(out, want) {
							return fmt.Errorf("%s: %d, lacks %q: %s", command, code, want, out)
						}
					}
					return nil
				})
			}
			out, code := s.ctl(t, "", "pause", map[string]string{"capture": "src", "sink": "adx"}[away])
			if code != ctl.ExitUnavailable || strings.Count(out, address) != 1 {
				t.Errorf("pause does not name the address once: %d %s", code, out)
			}
			for path, wanted := range map[string][]string{
				"/connectors":               {`"src"`, `"adx"`},
				"/connectors?expand=status": {`"src"`, `"adx"`, `"RUNNING"`, `"UNASSIGNED"`, away + " cannot be reached"},
				"/connectors?expand=info":   {`"src"`, `"adx"`},
				"/connector-plugins":        {sourceClass, sinkClass},
			} {
				code, body, header := s.request(t, "GET", path, "")
				for _, want := range wanted {
					if code != http.StatusOK || !strings.Contains(body, want) {
						t.Errorf("%s: %d lacks %s: %s", path, code, want, body)
					}
				}
				if warning := header.Get("Warning"); !strings.Contains(warning, address) {
					t.Errorf("%s does not name who did not answer: %q", path, warning)
				}
			}
		})
	}
}

func TestAFleetThatWasNeverThereIsNamedBesideWhatTheOtherSays(t *testing.T) {

	s := start(t, func(c *Config) { c.Sink = []string{"127.0.0.1:1"} })
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	for command, want := range map[string]string{"get connectors": "src", "get plugins": sourceClass,
		"export": "topic.prefix: shop"} {
		out, code := s.ctl(t, "", strings.Fields(command)...)
		if code != ctl.ExitUnavailable || !strings.Contains(out, want) ||
			!strings.Contains(out, "sink cannot be reached") {
			t.Errorf("%s: %d %s", command, code, out)
		}
	}
	// A tool that takes a list for all there is would make the missing ones again.
	if code, body, _ := s.request(t, "GET", "/connectors", ""); code != http.StatusServiceUnavailable {
		t.Errorf("GET /connectors: %d %s", code, body)
	}
}

func TestAWatchOfConnectorsShowsThoseOfTheFleetThatAnswersAndOfTheOtherOnceItDoes(t *testing.T) {
	var gate *testenv.Proxy
	s := start(t, func(c *Config) {
		gate = testenv.RunProxy(t, c.Sink[0])
		c.Sink = []string{gate.Addr}
	})
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "adx", sinkClass, map[string]string{"topics": "shop.retail.orders_info"})
	gate.Cut()
	stream, err := s.connectors().WatchConnectors(t.Context(), &connectorv1.WatchConnectorsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	hear := func(name string) {
		t.Helper()
		for {
			change, err := stream.Recv()
			if err != nil {
				t.Fatalf("without %s: %v", name, err)
			}
			if change.Status.Name == name {
				return
			}
		}
	}
	hear("src")
	time.AfterFunc(time.Second, gate.Heal)
	hear("adx")
}

func TestAWatchOfOneConnectorTellsThatItIsDeletedWhileTheOtherFleetIsAwayAndThatItIsMadeAgainThere(t *testing.T) {
	var gate *testenv.Proxy
	s := start(t, func(c *Config) {
		gate = testenv.RunProxy(t, c.Sink[0])
		c.Sink = []string{gate.Addr}
	})
	s.create(t, "orders", sourceClass, map[string]string{"topic.prefix": "shop"})
	gate.Cut()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := s.connectors().WatchConnectors(ctx, &connectorv1.WatchConnectorsRequest{Name: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	hear := func(what string, wanted func(*connectorv1.WatchConnectorsResponse) bool) {
		t.Helper()
		for {
			change, err := stream.Recv()
			if err != nil {
				t.Fatalf("waiting until it %s: %v", what, err)
			}
			if wanted(change) {
				return
			}
		}
	}
	hear("runs", func(c *connectorv1.WatchConnectorsResponse) bool {
		return c.Status.State == connectorv1.State_STATE_RUNNING
	})
	if _, err := s.connectors().DeleteConnector(ctx, &connectorv1.DeleteConnectorRequest{Name: "orders"}); err != nil {
		t.Fatal(err)
	}
	hear("is deleted", (*connectorv1.WatchConnectorsResponse).GetDeleted)
	gate.Heal()
	testenv.Eventually(t, time.Minute, "it can be made in the other fleet", func(ctx context.Context) error {
		_, err := s.connectors().CreateConnector(ctx, &connectorv1.CreateConnectorRequest{Name: "orders",
			Config: map[string]string{"connector.class": sinkClass, "topics": "shop.retail.orders_info"}})
		return err
	})
	hear("is made in the other fleet", func(c *connectorv1.WatchConnectorsResponse) bool {
		return c.Status.Type == connectorv1.ConnectorType_CONNECTOR_TYPE_SINK
	})
}

func TestHowLateAPipelineIsIsNotSaidWhilePostgreSQLIsAway(t *testing.T) {
	s := twoFleets(t)
	s.captures.set(&capturev1.Capture{Connector: "src", Phase: capturev1.Phase_PHASE_RETRYING, Reason: "connection refused",
		ReceivedLsn: "0/9", DurableLsn: "0/9"})
	out, code := s.ctl(t, "", "get", "pipelines")
	head, row, _ := strings.Cut(out, "\n")
	at, end := strings.Index(head, "LAG"), strings.Index(head, "P50")
	if code != 0 || at < 0 || len(row) < end || strings.TrimSpace(row[at:end]) != "-" {
		t.Errorf("%d %s", code, out)
	}
}
