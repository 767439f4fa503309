package connector_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
	"pgregory.net/rapid"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

// TestNoRequestFailsTheService sends any values: the answer is right or says what is wrong with the request.
func TestNoRequestFailsTheService(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	create(t, w, "there")
	blamed := []codes.Code{codes.OK, codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition}
	name := rapid.OneOf(rapid.SampledFrom([]string{"there", "", "a", "../x", strings.Repeat("n", 300)}), rapid.String())
	key := rapid.OneOf(rapid.SampledFrom([]string{"name", "connector.class", "tasks.max", "batch.size", "password",
		"transforms", "topics"}), rapid.String())
	value := rapid.OneOf(rapid.SampledFrom([]string{"BoardSource", "1", "-1", "********", "${env:HOME}",
		"${file:/etc/passwd:root}", "${dir:/:etc}"}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		utf8 := func(text string) string { return strings.ToValidUTF8(text, "?") } // what gRPC lets through
		config := map[string]string{"connector.class": "BoardSource"}
		for k, v := range rapid.MapOfN(key, value, 0, 5).Draw(t, "config") {
			config[utf8(k)] = utf8(v)
		}
		n := utf8(name.Draw(t, "name"))
		ctx := t.Context()
		calls := map[string]func() error{
			"create": func() error {
				_, err := w.CreateConnector(ctx, &connectorv1.CreateConnectorRequest{Name: n, Config: config,
					InitialState: connectorv1.State(rapid.Int32Range(-1, 9).Draw(t, "state"))})
				return err
			},
			"update": func() error {
				_, err := w.UpdateConnectorConfig(ctx, &connectorv1.UpdateConnectorConfigRequest{Name: n, Config: config})
				return err
			},
			"patch": func() error {
				_, err := w.PatchConnectorConfig(ctx, &connectorv1.PatchConnectorConfigRequest{Name: n, Config: config,
					Remove: []string{n}})
				return err
			},
			"validate": func() error {
				_, err := w.ValidateConfig(ctx, &connectorv1.ValidateConfigRequest{Plugin: n, Config: config, Offline: true})
				return err
			},
			"plan": func() error {
				_, err := w.PlanConnectorConfig(ctx, &connectorv1.PlanConnectorConfigRequest{Name: n, Config: config})
				return err
			},
			"versions": func() error {
				_, err := w.ListConfigVersions(ctx, &connectorv1.ListConfigVersionsRequest{Name: n})
				return err
			},
			"rollback": func() error {
				_, err := w.RollbackConnectorConfig(ctx, &connectorv1.RollbackConnectorConfigRequest{Name: n,
					Version: rapid.Int64().Draw(t, "version")})
				return err
			},
			"restart": func() error {
				_, err := w.RestartTask(ctx, &connectorv1.RestartTaskRequest{Name: n, Task: rapid.Int32().Draw(t, "task")})
				return err
			},
			"offsets": func() error {
				object := &structpb.Struct{Fields: map[string]*structpb.Value{n: structpb.NewStringValue(n), "null": nil}}
				_, err := w.AlterOffsets(ctx, &connectorv1.AlterOffsetsRequest{Name: n,
					Offsets: []*connectorv1.Offset{nil, {Partition: object, Offset: object}}})
				return err
			},
			"delete": func() error {
				_, err := w.DeleteConnector(ctx, &connectorv1.DeleteConnectorRequest{Name: n})
				return err
			},
		}
		what := rapid.SampledFrom([]string{"create", "update", "patch", "validate", "plan", "versions", "rollback", "restart",
			"offsets", "delete"}).Draw(t, "call")
		err := calls[what]()
		if !slices.Contains(blamed, status.Code(err)) {
			t.Fatalf("%s: %v", what, err)
		}
		if err != nil && connector.ReasonOf(err) == "" {
			t.Fatalf("%s: %v has no reason", what, err)
		}
	})
}
