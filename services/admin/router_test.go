package admin

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

const (
	sourceClass = "test.SourceConnector"
	sinkClass   = "test.SinkConnector"
)

func TestAConnectorGoesToTheFleetThatRunsItsClass(t *testing.T) {
	s := start(t, nil)
	s.create(t, "orders-source", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "by-short-name", " Sink ", map[string]string{"topics": "shop.retail.orders_info"})
	if _, err := s.connectors().DeleteConnector(t.Context(),
		&connectorv1.DeleteConnectorRequest{Name: "by-short-name"}); err != nil {
		t.Error(err)
	}
	s.create(t, "orders-sink", "alias."+sinkClass, map[string]string{"topics": "shop.retail.orders_info"})
	s.await(t, "orders-source", connectorv1.State_STATE_RUNNING)
	s.await(t, "orders-sink", connectorv1.State_STATE_RUNNING)

	all, err := s.connectors().ListConnectors(t.Context(), &connectorv1.ListConnectorsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Connectors) != 2 || all.Connectors[0].Name != "orders-sink" ||
		all.Connectors[0].Type != connectorv1.ConnectorType_CONNECTOR_TYPE_SINK ||
		all.Connectors[1].Type != connectorv1.ConnectorType_CONNECTOR_TYPE_SOURCE {
		t.Errorf("connectors are %v", all.Connectors)
	}
	for _, name := range []string{"orders-source", "orders-sink"} {
		if _, err := s.connectors().PauseConnector(t.Context(), &connectorv1.PauseConnectorRequest{Name: name}); err != nil {
			t.Error(err)
		}
		s.await(t, name, connectorv1.State_STATE_PAUSED)
	}
	plugins, err := s.connectors().ListPlugins(t.Context(), &connectorv1.ListPluginsRequest{})
	if err != nil || len(plugins.Plugins) != 2 {
		t.Errorf("plugins are %v, %v", plugins, err)
	}
}

func TestANameIsTakenInBothFleets(t *testing.T) {
	s := start(t, nil)
	s.create(t, "orders", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.await(t, "orders", connectorv1.State_STATE_RUNNING) // by then the other fleet's worker has read of it, too
	_, err := s.connectors().CreateConnector(t.Context(), &connectorv1.CreateConnectorRequest{Name: "orders",
		Config: map[string]string{"connector.class": sinkClass, "topics": "x"}})
	if connector.ReasonOf(err) != connector.ReasonConnectorExists {
		t.Errorf("creating it again in the other fleet gives %v", err)
	}
}

func TestWhatNoFleetKnowsIsNotFound(t *testing.T) {
	s := start(t, nil)
	_, err := s.connectors().GetConnector(t.Context(), &connectorv1.GetConnectorRequest{Name: "nope"})
	if status.Code(err) != codes.NotFound || connector.ReasonOf(err) != connector.ReasonConnectorNotFound {
		t.Errorf("an unknown connector gives %v", err)
	}
	_, err = s.connectors().GetPluginConfig(t.Context(), &connectorv1.GetPluginConfigRequest{Plugin: "Nope"})
	if connector.ReasonOf(err) != connector.ReasonPluginNotFound {
		t.Errorf("an unknown plugin gives %v", err)
	}
	_, err = s.connectors().CreateConnector(t.Context(), &connectorv1.CreateConnectorRequest{Name: "c",
		Config: map[string]string{"connector.class": "Nope"}})
	if c := status.Code(err); c != codes.InvalidArgument && c != codes.NotFound {
		t.Errorf("an unknown class gives %v", err)
	}
	if !strings.HasSuffix(status.Convert(err).Message(), "available connectors are: "+sourceClass+", "+sinkClass) {
		t.Errorf("the answer to an unknown class does not list those of both fleets: %v", err)
	}
}

func TestAFleetThatIsDownIsNamedAndDoesNotHideTheOther(t *testing.T) {
	s := start(t, nil)
	s.create(t, "orders-source", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.stop["sink"]()
	if _, err := s.connectors().GetConnector(t.Context(),
		&connectorv1.GetConnectorRequest{Name: "orders-source"}); err != nil {
		t.Errorf("the connector of the fleet that is up: %v", err)
	}
	for what, err := range map[string]error{
		"an unknown name": func() error {
			_, err := s.connectors().GetConnector(t.Context(), &connectorv1.GetConnectorRequest{Name: "nope"})
			return err
		}(),
		"the list": func() error {
			_, err := s.connectors().ListConnectors(t.Context(), &connectorv1.ListConnectorsRequest{})
			return err
		}(),
	} {
		if status.Code(err) != codes.Unavailable || connector.ReasonOf(err) != "SERVICE_UNAVAILABLE" {
			t.Errorf("%s gives %v", what, err)
		}
	}
}

func TestAWatchShowsTheConnectorsOfBothFleets(t *testing.T) {
	s := start(t, nil)
	s.create(t, "orders-source", sourceClass, map[string]string{"topic.prefix": "shop"})
	stream, err := s.connectors().WatchConnectors(t.Context(), &connectorv1.WatchConnectorsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	s.create(t, "orders-sink", sinkClass, map[string]string{"topics": "shop.retail.orders_info"})
	running := map[string]bool{}
	for len(running) < 2 {
		change, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if change.Status.GetState() == connectorv1.State_STATE_RUNNING {
			running[change.Status.Name] = true
		}
	}
}

func TestAWorkerThatRunsACaptureKnowsMoreOfItThanOneThatOnlyWatchesItsSlot(t *testing.T) {
	idle := &capturev1.Capture{Connector: "c", Reason: "Its task does not run; its slot is watched."}
	began := &capturev1.Capture{Connector: "c", Phase: capturev1.Phase_PHASE_CONNECTING}
	committed := &capturev1.Capture{Connector: "c", Phase: capturev1.Phase_PHASE_STREAMING,
		LastCommitTime: timestamppb.Now()}
	for i, c := range []struct{ older, newer *capturev1.Capture }{{idle, began}, {idle, committed}, {began, committed}} {
		if newer(c.newer, c.older) <= 0 || newer(c.older, c.newer) >= 0 {
			t.Errorf("case %d: %v is not taken before %v", i, c.newer, c.older)
		}
	}
}
