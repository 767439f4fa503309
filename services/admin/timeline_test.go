package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// repairs has a pipeline repaired, to the end.
func repairs(ctx context.Context, s *system, q *adminv1.RepairPipelineRequest) error {
	answers, err := adminv1.NewAdminServiceClient(s.connection).RepairPipeline(ctx, q)
	for err == nil {
		_, err = answers.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// as is the context of calls by the user of a role.
func as(t *testing.T, role string) context.Context {
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+role+"-1:"+role+"-pw")
}

func TestTheTimelineSaysWhoChangedWhatAndHoldsNoSecret(t *testing.T) {
	path := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = path })
	if _, err := s.connectors().CreateConnector(as(t, "admin"), &connectorv1.CreateConnectorRequest{Name: "src",
		Config: map[string]string{"connector.class": sourceClass, "topic.prefix": "shop",
			"secret.password": "canary-77"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.connectors().PatchConnectorConfig(as(t, "admin"),
		&connectorv1.PatchConnectorConfigRequest{Name: "src",
			Config: map[string]string{"topic.prefix": "store"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.connectors().PauseConnector(as(t, "operator"),
		&connectorv1.PauseConnectorRequest{Name: "src"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.connectors().DeleteConnector(as(t, "admin"),
		&connectorv1.DeleteConnectorRequest{Name: "nobody"}); err == nil {
		t.Fatal("nobody was deleted")
	}
	// What only asks what would follow changes nothing, and is not said to have.
	for _, call := range []func() error{
		func() error {
			_, err := s.connectors().ResetOffsets(as(t, "admin"), &connectorv1.ResetOffsetsRequest{Name: "src", ValidateOnly: true})
			return err
		},
		func() error {
			_, err := s.connectors().AlterOffsets(as(t, "admin"),
				&connectorv1.AlterOffsetsRequest{Name: "nobody", ValidateOnly: true})
			return err
		},
		func() error { return repairs(as(t, "operator"), s, &adminv1.RepairPipelineRequest{Source: "src"}) },
	} {
		if err := call(); status.Code(err) == codes.PermissionDenied || status.Code(err) == codes.Unimplemented {
			t.Fatal(err)
		}
	}
	if err := repairs(as(t, "operator"), s, &adminv1.RepairPipelineRequest{Source: "nobody", Write: true}); err == nil {
		t.Fatal("nobody was repaired")
	}
	if _, err := s.connectors().ResumeConnector(as(t, "operator"),
		&connectorv1.ResumeConnectorRequest{Name: "src"}); err != nil {
		t.Fatal(err)
	}
	var said []string
	testenv.Eventually(t, time.Minute, "six events", func(context.Context) error {
		r, err := s.connectors().ListEvents(as(t, "viewer"), &connectorv1.ListEventsRequest{})
		if err != nil {
			return err
		}
		said = nil
		for _, e := range r.Events {
			said = append(said, fmt.Sprintf("%s %s %s %q %q", e.Actor, e.Action, e.Connector, e.Detail, e.Error))
		}
		if len(said) < 6 {
			return errors.New("not all are there")
		}
		return nil
	})
	want := []string{
		`operator-1 ResumeConnector src "" ""`,
		`operator-1 RepairPipeline nobody "" "Source connector nobody not found"`,
		`admin-1 DeleteConnector nobody "" "Connector nobody not found"`,
		`operator-1 PauseConnector src "" ""`,
		`admin-1 PatchConnectorConfig src "~ topic.prefix: shop -> store" ""`,
		`admin-1 CreateConnector src "+ connector.class: ` + sourceClass +
			`\n+ name: src\n+ secret.password: ********\n+ topic.prefix: shop" ""`,
	}
	if strings.Join(said, "\n") != strings.Join(want, "\n") {
		t.Errorf("the timeline is\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
	if strings.Contains(s.log.String(), "canary-77") {
		t.Error("the secret was logged")
	}
	r, err := s.connectors().ListEvents(as(t, "viewer"),
		&connectorv1.ListEventsRequest{Connectors: []string{"src"}, PageSize: 1})
	if err != nil || len(r.Events) != 1 || r.Events[0].Action != "ResumeConnector" {
		t.Errorf("the newest of src is %v %v", r, err)
	}
	if _, err := s.connectors().ListEvents(as(t, "viewer"),
		&connectorv1.ListEventsRequest{PageSize: 100_000}); connector.ReasonOf(err) != "REQUEST_INVALID" {
		t.Errorf("a page that is too large: %v", err)
	}
}

func TestAPipelineShowsWhereItsRecordsAre(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "adx", sinkClass, map[string]string{"topics": "shop.retail.orders_info"})
	s.await(t, "adx", connectorv1.State_STATE_RUNNING)
	s.captures.set(&capturev1.Capture{Connector: "src", Phase: capturev1.Phase_PHASE_STREAMING, ReceivedLsn: "0/150",
		DurableLsn: "0/120",
		Slot:       &capturev1.Slot{RestartLsn: "0/100", RetainedBytes: 0x80, SafeWalBytes: -1},
		Snapshots:  []*capturev1.TableSnapshot{{Table: "retail.orders_info", RowsDone: 12}}})
	s.sinks.set(&sinkv1.Sink{Connector: "adx", Guarantee: "exactly once", RowsDeadLettered: 2,
		Partitions: []*sinkv1.PartitionProgress{{End: 50, Position: 40, Committed: 10}}})
	r, err := adminv1.NewAdminServiceClient(s.connection).GetPipeline(t.Context(),
		&adminv1.GetPipelineRequest{Source: "src"})
	if err != nil {
		t.Fatal(err)
	}
	p := r.Pipeline
	if p.CommitToCapture.Bytes != 0x30 || p.CaptureToKafka.Bytes != 0x30 || p.Sinks[0].KafkaToSink.Records != 10 ||
		p.Sinks[0].SinkToQueryable.Records != 30 ||
		p.SlotForecast.RetainedBytes != 0x80 || !strings.Contains(p.SlotForecast.Limit, "max_slot_wal_keep_size") {
		t.Errorf("the pipeline is %v", p)
	}
	_, metrics, _ := s.request(t, "GET", "/metrics", "")
	for _, want := range []string{
		`cdc_pipeline_verdict{`, `pipeline="src"`, `segment="commit_to_capture"`, `segment="capture_to_kafka"`,
		`segment="kafka_to_sink"`, `segment="sink_to_queryable"`,
		`cdc_pipeline_slot_retained_bytes{`, `cdc_pipeline_slot_growth_bytes_per_second{`, `cdc_pipeline_snapshot_rows{`,
		`cdc_pipeline_dead_letters{`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("%s is not among the metrics", want)
		}
	}
}

func TestWrongPasswordsMakeTheirMachineWaitButNotThoseWhoAreKnown(t *testing.T) {
	users, err := ReadUsers(usersFile(t))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	users.throttle.now = func() time.Time { return now }
	const right, other = "Bearer viewer-1:viewer-pw", "Bearer admin-1:admin-pw"
	if _, err := users.authenticate(right, "a"); err != nil {
		t.Fatal(err)
	}
	for range freeFailures {
		if _, err := users.authenticate("Bearer viewer-1:wrong", "a"); err == nil || errors.Is(err, errTooManyFailures) {
			t.Fatalf("a wrong password: %v", err)
		}
	}
	if _, err := users.authenticate(other, "a"); !errors.Is(err, errTooManyFailures) {
		t.Errorf("after too many failures: %v", err)
	}
	if _, err := users.authenticate(right, "a"); err != nil {
		t.Errorf("who is known already: %v", err)
	}
	if _, err := users.authenticate(other, "b"); err != nil {
		t.Errorf("another machine: %v", err)
	}
	now = now.Add(2 * time.Second)
	if _, err := users.authenticate("Bearer operator-1:operator-pw", "a"); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

func TestTooManyWrongPasswordsAre429AndResourceExhausted(t *testing.T) {
	path := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = path })
	for n := range freeFailures + 1 {
		code, body, header := s.request(t, "GET", "/connectors", "", "Authorization: Bearer viewer-1:wrong")
		if limited := n == freeFailures; limited != (code == 429) || limited != (header.Get("Retry-After") != "") {
			t.Errorf("attempt %d: %d %s", n, code, body)
		}
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer viewer-1:wrong")
	if _, err := s.connectors().ListConnectors(ctx,
		&connectorv1.ListConnectorsRequest{}); connector.ReasonOf(err) != "TOO_MANY_FAILURES" {
		t.Errorf("over gRPC: %v, want %v", err, codes.ResourceExhausted)
	}
}

func TestOnlyAdminsReadLiteralSecretsWhereWorkersAllowIt(t *testing.T) {
	path := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = path })
	if _, err := s.connectors().CreateConnector(as(t, "admin"), &connectorv1.CreateConnectorRequest{Name: "src",
		Config: map[string]string{"connector.class": sourceClass, "topic.prefix": "shop",
			"secret.password": "canary-77"}}); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"viewer", "operator", "admin"} {
		for _, asked := range []bool{true, false} {
			r, err := s.connectors().GetConnector(as(t, role), &connectorv1.GetConnectorRequest{Name: "src", Reveal: asked})
			if err != nil {
				t.Fatal(err)
			}
			if shown := r.Connector.Config["secret.password"] == "canary-77"; shown != (asked && role == "admin") {
				t.Errorf("role %s, asked %v: %v", role, asked, r.Connector.Config)
			}
		}
	}
}
