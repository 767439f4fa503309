package connector_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
)

// assertError demands a code, a reason and, if given, a violation of a field.
func assertError(t *testing.T, what string, err error, code codes.Code, reason connector.Reason, field string) {
	t.Helper()
	if status.Code(err) != code || connector.ReasonOf(err) != reason {
		t.Errorf("%s: %v (reason %s), want %s, %s", what, err, connector.ReasonOf(err), code, reason)
		return
	}
	if field == "" {
		return
	}
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, violation := range bad.GetFieldViolations() {
				if violation.GetField() == field {
					return
				}
			}
		}
	}
	t.Errorf("%s: no violation of %s in %v", what, field, status.Convert(err).Details())
}

func TestErrorsNameTheReasonAndTheField(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	ctx := t.Context()
	create(t, w, "there")
	createError := func(name string, config map[string]string) error {
		_, err := w.CreateConnector(ctx, &connectorv1.CreateConnectorRequest{Name: name, Config: config})
		return err
	}
	assertError(t, "taken", createError("there", config()), codes.AlreadyExists, connector.ReasonConnectorExists, "")
	assertError(t, "no name", createError(" ", config()), codes.InvalidArgument, connector.ReasonConfigInvalid, "name")
	assertError(t, "bad name", createError("a/b", config()), codes.InvalidArgument, connector.ReasonConfigInvalid, "name")
	assertError(t, "two names", createError("a", config("name", "b")), codes.InvalidArgument,
		connector.ReasonConfigInvalid, "config.name")
	assertError(t, "no class", createError("a", map[string]string{}), codes.InvalidArgument, connector.ReasonConfigInvalid,
		"config.connector.class")
	assertError(t, "unknown class", createError("a", map[string]string{"connector.class": "x"}), codes.InvalidArgument,
		connector.ReasonPluginNotFound, "config.connector.class")
	assertError(t, "wrong value", createError("a", config("batch.size", "x")), codes.InvalidArgument,
		connector.ReasonConfigInvalid, "config.batch.size")
	assertError(t, "too many tasks", createError("a", config("tasks.max", "1000")), codes.InvalidArgument,
		connector.ReasonConfigInvalid, "config.tasks.max")
	assertError(t, "mask without a secret", createError("a", config("password", "********")), codes.InvalidArgument,
		connector.ReasonConfigInvalid, "config.password")
	assertError(t, "reference that is not allowed", createError("a", config("password", "${env:HOME}")),
		codes.InvalidArgument, connector.ReasonConfigInvalid, "config.password")
	_, err := w.CreateConnector(ctx, &connectorv1.CreateConnectorRequest{Name: "a", Config: config(),
		InitialState: connectorv1.State_STATE_FAILED})
	assertError(t, "initial state", err, codes.InvalidArgument, connector.ReasonConfigInvalid, "initial_state")

	for name, call := range map[string]func() error{
		"get": func() error {
			_, err := w.GetConnector(ctx, &connectorv1.GetConnectorRequest{Name: "none"})
			return err
		},
		"patch": func() error {
			_, err := w.PatchConnectorConfig(ctx, &connectorv1.PatchConnectorConfigRequest{Name: "none"})
			return err
		},
		"delete": func() error {
			_, err := w.DeleteConnector(ctx, &connectorv1.DeleteConnectorRequest{Name: "none"})
			return err
		},
		"pause": func() error {
			_, err := w.PauseConnector(ctx, &connectorv1.PauseConnectorRequest{Name: "none"})
			return err
		},
		"resume": func() error {
			_, err := w.ResumeConnector(ctx, &connectorv1.ResumeConnectorRequest{Name: "none"})
			return err
		},
		"stop": func() error {
			_, err := w.StopConnector(ctx, &connectorv1.StopConnectorRequest{Name: "none"})
			return err
		},
		"restart": func() error {
			_, err := w.RestartConnector(ctx, &connectorv1.RestartConnectorRequest{Name: "none"})
			return err
		},
		"restart task": func() error {
			_, err := w.RestartTask(ctx,
				&connectorv1.RestartTaskRequest{Name: "none"})
			return err
		},
		"status": func() error {
			_, err := w.GetConnectorStatus(ctx, &connectorv1.GetConnectorStatusRequest{Name: "none"})
			return err
		},
		"topics": func() error {
			_, err := w.GetConnectorTopics(ctx, &connectorv1.GetConnectorTopicsRequest{Name: "none"})
			return err
		},
		"reset topics": func() error {
			_, err := w.ResetConnectorTopics(ctx, &connectorv1.ResetConnectorTopicsRequest{Name: "none"})
			return err
		},
		"offsets": func() error { _, err := w.GetOffsets(ctx, &connectorv1.GetOffsetsRequest{Name: "none"}); return err },
		"reset offsets": func() error {
			_, err := w.ResetOffsets(ctx, &connectorv1.ResetOffsetsRequest{Name: "none"})
			return err
		},
	} {
		assertError(t, name, call(), codes.NotFound, connector.ReasonConnectorNotFound, "")
	}
	_, err = w.GetPluginConfig(ctx, &connectorv1.GetPluginConfigRequest{Plugin: "none"})
	assertError(t, "plugin", err, codes.NotFound, connector.ReasonPluginNotFound, "")
	_, err = w.AlterOffsets(ctx, &connectorv1.AlterOffsetsRequest{Name: "there"})
	assertError(t, "no offsets", err, codes.InvalidArgument, connector.ReasonOffsetsInvalid, "offsets")
	_, err = w.ResetOffsets(ctx, &connectorv1.ResetOffsetsRequest{Name: "there"})
	assertError(t, "running", err, codes.FailedPrecondition, connector.ReasonNotStopped, "")
}

func TestEveryNameOfAClassSelectsIt(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	for i, class := range []string{"test.BoardSourceConnector", "BoardSourceConnector", "BoardSource",
		"io.example.source.OtherNameConnector", "OtherName"} {
		create(t, w, fmt.Sprintf("c%d", i), "connector.class", class)
	}
	plugins, err := w.ListPlugins(t.Context(), &connectorv1.ListPluginsRequest{})
	if err != nil || len(plugins.Plugins) != 1 || plugins.Plugins[0].Version != "1.2.3" ||
		len(plugins.Plugins[0].Aliases) != 1 {
		t.Errorf("%v %v", plugins, err)
	}
}

func TestWarningsNameLegacyAndUnknownKeys(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	response, err := w.CreateConnector(t.Context(), &connectorv1.CreateConnectorRequest{Name: "a",
		Config: config("batch.length", "7", "batch.sizes", "8")})
	if err != nil || len(response.Warnings) != 2 || !strings.Contains(response.Warnings[0], "older name of batch.size") ||
		!strings.Contains(response.Warnings[1], "did you mean batch.size?") {
		t.Errorf("%v %v", response, err)
	}
	if response.Connector.Config["batch.length"] != "7" {
		t.Errorf("the configuration is not as given: %v", response.Connector.Config)
	}
	lasting := response.Warnings[1:] // an older name has its effect, and is no trouble later
	got, err := w.GetConnector(t.Context(), &connectorv1.GetConnectorRequest{Name: "a"})
	if err != nil || !slices.Equal(got.GetConnector().GetWarnings(), lasting) {
		t.Errorf("later they are %v, %v", got, err)
	}
	all, err := w.ListConnectors(t.Context(), &connectorv1.ListConnectorsRequest{})
	if err != nil || len(all.Connectors) != 1 || !slices.Equal(all.Connectors[0].Warnings, lasting) {
		t.Errorf("in the list they are %v, %v", all, err)
	}
}

func TestASecretIsKeptWhenItsMaskComesBack(t *testing.T) {
	b := newBoard()
	w := startReadyWorker(t, broker(t), b, connector.Source, "w1:1")
	create(t, w, "a", "password", "canary", "some.token", "canary2", "batch.size", "5")
	got, err := w.GetConnector(t.Context(), &connectorv1.GetConnectorRequest{Name: "a"})
	if err != nil || strings.Contains(got.String(), "canary") || got.Connector.Config["password"] != "********" {
		t.Fatalf("%v %v", got, err)
	}
	awaitStates(t, w, "a", "RUNNING RUNNING")
	changed := got.Connector.Config
	changed["batch.size"] = "6"
	updated, err := w.UpdateConnectorConfig(t.Context(),
		&connectorv1.UpdateConnectorConfigRequest{Name: "a", Config: changed})
	if err != nil || strings.Contains(updated.String(), "canary") {
		t.Fatalf("%v %v", updated, err)
	}
	if _, err := w.PatchConnectorConfig(t.Context(), &connectorv1.PatchConnectorConfigRequest{Name: "a",
		Config: map[string]string{"batch.size": "9"}, Remove: []string{"some.token"}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the task has the secret and the new size", func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if seen := b.seen["a-0"]; seen["batch.size"] != "9" || seen["password"] != "canary" || seen["some.token"] != "" {
			return fmt.Errorf("%v", seen)
		}
		return nil
	})
}

func TestAPasswordWithinAURLIsHiddenAndKeptWhenItsMaskComesBack(t *testing.T) {
	b := newBoard()
	w := startReadyWorker(t, broker(t), b, connector.Source, "w1:1")
	b.failNext("a-0", errors.New("asking http://me:canary%21@registry: 401 for canary!"))
	const registry = "http://me:canary%21@registry:8081,http://other:1"
	create(t, w, "a", "registry", registry)
	awaitStates(t, w, "a", "RUNNING FAILED")
	got, err := w.GetConnector(t.Context(), &connectorv1.GetConnectorRequest{Name: "a"})
	if err != nil || got.Connector.Config["registry"] != "http://me:********@registry:8081,http://other:1" {
		t.Fatalf("%v %v", got, err)
	}
	if s, err := w.GetConnectorStatus(t.Context(), &connectorv1.GetConnectorStatusRequest{Name: "a"}); err != nil ||
		strings.Contains(s.String(), "canary") || !strings.Contains(s.String(), "401") {
		t.Errorf("%v %v", s, err)
	}
	changed := got.Connector.Config
	changed["batch.size"] = "6"
	if _, err := w.UpdateConnectorConfig(t.Context(),
		&connectorv1.UpdateConnectorConfigRequest{Name: "a", Config: changed}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the task has the password and the new size", func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if seen := b.seen["a-0"]; seen["batch.size"] != "6" || seen["registry"] != registry {
			return fmt.Errorf("%v", seen)
		}
		return nil
	})
	changed["registry"] = "http://me:********@elsewhere:1"
	if _, err := w.UpdateConnectorConfig(t.Context(),
		&connectorv1.UpdateConnectorConfigRequest{Name: "a", Config: changed}); err == nil ||
		!strings.Contains(err.Error(), "mask") {
		t.Errorf("a mask in another URL: %v", err)
	}
}

func TestASecretOfAFailedTaskIsNotInItsTrace(t *testing.T) {
	b := newBoard()
	references := func(c *runtime.Config) {
		c.Secrets.References = secret.References{Env: "PG_.*", LookupEnv: func(string) (string, bool) {
			return "canary-from-env", true
		}}
	}
	w := startReadyWorker(t, broker(t), b, connector.Source, "w1:1", references)
	b.failNext("a-0", errors.New("connect to postgres://u:canary-literal@db and then canary-from-env: refused"))
	create(t, w, "a", "password", "canary-literal", "topics", "${env:PG_X}")
	awaitStates(t, w, "a", "RUNNING FAILED")
	response, _ := w.GetConnectorStatus(t.Context(), &connectorv1.GetConnectorStatusRequest{Name: "a"})
	if trace := response.Status.Tasks[0].Trace; strings.Contains(trace, "canary") || !strings.Contains(trace, "refused") {
		t.Errorf("trace: %s", trace)
	}
	got, _ := w.GetConnector(t.Context(), &connectorv1.GetConnectorRequest{Name: "a"})
	if got.Connector.Config["topics"] != "${env:PG_X}" {
		t.Errorf("a reference is not returned as given: %v", got.Connector.Config)
	}
}

func TestValidationChecksKeysThenTheTarget(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1",
		func(c *runtime.Config) { c.CheckTimeout = 100 * time.Millisecond })
	validate := func(offline bool, more ...string) *connectorv1.ValidateConfigResponse {
		response, err := w.ValidateConfig(t.Context(), &connectorv1.ValidateConfigRequest{Plugin: "BoardSource",
			Config: config(append(more, "name", "a")...), Offline: offline})
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	value := func(response *connectorv1.ValidateConfigResponse, name string) *connectorv1.ConfigValue {
		for _, value := range response.Values {
			if value.Key.Name == name {
				return value
			}
		}
		t.Fatalf("no value of %s", name)
		return nil
	}
	// of the target; before it come Kafka, topics, transactions and rights.
	target := func(response *connectorv1.ValidateConfigResponse) *connectorv1.Check {
		if len(response.Checks) != 5 || response.Checks[0].Name != "kafka" || !response.Checks[0].Ok {
			t.Fatalf("checks are %v", response.Checks)
		}
		return response.Checks[4]
	}
	right := validate(false, "password", "canary", "batch.length", "3", "unknown", "x")
	if right.ErrorCount != 0 || !target(right).Ok || strings.Contains(right.String(), "canary") {
		t.Errorf("%v", right)
	}
	if v := value(right, "batch.size"); v.GetValue() != "3" || len(v.Warnings) != 1 {
		t.Errorf("batch.size: %v", v)
	}
	if v := value(right, "unknown"); v.Key.Group != "Compatibility" || len(v.Warnings) != 1 {
		t.Errorf("unknown: %v", v)
	}
	if v := value(right, "behaviour"); v.GetValue() != "run" ||
		!slices.Equal(v.Key.RecommendedValues, []string{"run", "panic", "linger"}) {
		t.Errorf("behaviour: %v", v)
	}
	if wrong := validate(false, "batch.size", "x"); wrong.ErrorCount != 1 || len(value(wrong, "batch.size").Errors) != 1 ||
		len(wrong.Checks) != 0 {
		t.Errorf("%v", wrong)
	}
	if refused := validate(false, "batch.size", "13", "password", "canary"); refused.ErrorCount != 1 ||
		target(refused).Remedy != "Take 14." || strings.Contains(refused.String(), "canary") {
		t.Errorf("%v", refused)
	}
	if late := validate(false, "batch.size", "14"); late.ErrorCount != 1 || target(late).Ok {
		t.Errorf("%v", late)
	}
	if panicked := validate(false, "batch.size", "15"); panicked.ErrorCount != 1 || target(panicked).Ok {
		t.Errorf("%v", panicked)
	}
	if offline := validate(true, "batch.size", "13"); offline.ErrorCount != 0 || len(offline.Checks) != 0 {
		t.Errorf("%v", offline)
	}
	_, err := w.ValidateConfig(t.Context(), &connectorv1.ValidateConfigRequest{Plugin: "BoardSource",
		Config: map[string]string{"connector.class": "Other"}})
	assertError(t, "other class", err, codes.InvalidArgument, connector.ReasonConfigInvalid, "config.connector.class")
}

func TestATargetThatDoesNotAnswerIsAFindingBeforeTheCallersDeadline(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // shorter than the 10 s of a check
	defer cancel()
	response, err := w.ValidateConfig(ctx, &connectorv1.ValidateConfigRequest{Plugin: "BoardSource",
		Config: config("name", "a", "batch.size", "14")})
	if err != nil || ctx.Err() != nil {
		t.Fatalf("%v; %v", err, ctx.Err())
	}
	if last := response.Checks[len(response.Checks)-1]; last.Ok || last.Name != "answer in time" {
		t.Errorf("%v", last)
	}
}

func TestAConnectorThatIsToBeCheckedIsCreatedOnlyIfEveryCheckIsOK(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	create := func(check bool, size string) error {
		_, err := w.CreateConnector(t.Context(), &connectorv1.CreateConnectorRequest{Name: "a",
			Config: config("batch.size", size, "password", "canary"), Check: check,
			InitialState: connectorv1.State_STATE_STOPPED})
		return err
	}
	err := create(true, "13")
	assertError(t, "a check that fails", err, codes.FailedPrecondition, connector.ReasonCheckFailed, "")
	var violations []*errdetails.PreconditionFailure_Violation
	for _, detail := range status.Convert(err).Details() {
		if failed, ok := detail.(*errdetails.PreconditionFailure); ok {
			violations = failed.Violations
		}
	}
	if len(violations) != 1 || violations[0].Subject != "luck" ||
		!strings.HasSuffix(violations[0].Description, "Take 14.") || strings.Contains(fmt.Sprint(err, violations), "canary") {
		t.Errorf("%v: %v", err, violations)
	}
	assertError(t, "a wrong key comes first", create(true, "x"), codes.InvalidArgument, connector.ReasonConfigInvalid,
		"config.batch.size")
	_, err = w.GetConnector(t.Context(), &connectorv1.GetConnectorRequest{Name: "a"})
	assertError(t, "nothing was created", err, codes.NotFound, connector.ReasonConnectorNotFound, "")
	if err := create(true, "3"); err != nil {
		t.Fatal(err)
	}
	assertError(t, "a name that is taken needs no check", create(true, "13"), codes.AlreadyExists,
		connector.ReasonConnectorExists, "")
}

func TestOffsetsOfAStoppedSourceAreAlteredAndReset(t *testing.T) {
	kafka := broker(t)
	w := startReadyWorker(t, kafka, newBoard(), connector.Source, "w1:1")
	ctx := t.Context()
	create(t, w, "a")
	create(t, w, "b")
	client, err := kgo.NewClient(append(kafka, kgo.TransactionalID("a-0"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	put := func(end kgo.TransactionEndTry, lsn string) {
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		record := &kgo.Record{Topic: "calypso-offsets", Key: connector.OffsetKey("a", map[string]any{"server": "x"}),
			Value: []byte(`{"lsn":` + lsn + `}`)}
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := client.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	put(kgo.TryCommit, "9007199254740993")
	put(kgo.TryAbort, "1") // never happened
	offsets := func() string {
		response, err := w.GetOffsets(ctx, &connectorv1.GetOffsetsRequest{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		var text []string
		for _, offset := range response.Offsets {
			partition, _ := connector.OffsetJSON(offset.Partition)
			position, _ := connector.OffsetJSON(offset.Offset)
			text = append(text, string(partition)+string(position))
		}
		return strings.Join(text, " ")
	}
	if got := offsets(); got != `{"server":"x"}{"lsn":9007199254740993}` {
		t.Fatalf("offsets: %s", got)
	}
	if _, err := w.StopConnector(ctx, &connectorv1.StopConnectorRequest{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, w, "a", "STOPPED")
	object := func(json string) *structpb.Struct {
		message, err := connector.OffsetStruct([]byte(json))
		if err != nil {
			t.Fatal(err)
		}
		return message
	}
	_, err = w.AlterOffsets(ctx, &connectorv1.AlterOffsetsRequest{Name: "a", Offsets: []*connectorv1.Offset{
		{Partition: object(`{"server":"x"}`), Offset: object(`{"lsn":5}`)},
		{Partition: object(`{"server":"y"}`), Offset: object(`{"lsn":9007199254740995}`)}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := offsets(); got != `{"server":"x"}{"lsn":5} {"server":"y"}{"lsn":9007199254740995}` {
		t.Errorf("altered: %s", got)
	}
	if _, err := w.AlterOffsets(ctx, &connectorv1.AlterOffsetsRequest{Name: "a",
		Offsets: []*connectorv1.Offset{{Partition: object(`{"server":"x"}`)}}}); err != nil {
		t.Fatal(err)
	}
	if got := offsets(); got != `{"server":"y"}{"lsn":9007199254740995}` {
		t.Errorf("one removed: %s", got)
	}
	if _, err := w.ResetOffsets(ctx, &connectorv1.ResetOffsetsRequest{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	if got := offsets(); got != "" {
		t.Errorf("reset: %s", got)
	}
}

func TestTopicsAreShownUntilTheyAreReset(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	create(t, w, "a", "topics", "t2,t1,t2")
	topics := func() []string {
		response, err := w.GetConnectorTopics(t.Context(), &connectorv1.GetConnectorTopicsRequest{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		return response.Topics
	}
	eventually(t, "both topics are there", func() error {
		if got := topics(); !slices.Equal(got, []string{"t1", "t2"}) {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
	if _, err := w.ResetConnectorTopics(t.Context(), &connectorv1.ResetConnectorTopicsRequest{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	if got := topics(); len(got) != 0 {
		t.Errorf("after the reset: %v", got)
	}
}

// watchStream collects what a watch sends.
type watchStream struct {
	grpc.ServerStream
	ctx  context.Context
	sent chan *connectorv1.WatchConnectorsResponse
}

func (s *watchStream) Context() context.Context { return s.ctx }

func (s *watchStream) Send(r *connectorv1.WatchConnectorsResponse) error {
	select {
	case s.sent <- r:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

func TestAWatchBeginsWithAllStatesAndFollowsEachChange(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	create(t, w, "a")
	awaitStates(t, w, "a", "RUNNING RUNNING")
	ctx, cancel := context.WithCancel(t.Context())
	stream := &watchStream{ctx: ctx, sent: make(chan *connectorv1.WatchConnectorsResponse)}
	done := make(chan error, 1)
	go func() { done <- w.WatchConnectors(&connectorv1.WatchConnectorsRequest{}, stream) }()
	await := func(what string, matches func(*connectorv1.WatchConnectorsResponse) bool) {
		t.Helper()
		timeout := time.After(patience)
		for {
			select {
			case response := <-stream.sent:
				if matches(response) {
					return
				}
			case <-timeout:
				t.Fatalf("not seen: %s", what)
			}
		}
	}
	is := func(name string, state connectorv1.State) func(*connectorv1.WatchConnectorsResponse) bool {
		return func(r *connectorv1.WatchConnectorsResponse) bool {
			return r.Status.Name == name && r.Status.State == state && !r.Deleted
		}
	}
	await("a at first", is("a", connectorv1.State_STATE_RUNNING))
	create(t, w, "b")
	await("b running", is("b", connectorv1.State_STATE_RUNNING))
	if _, err := w.PauseConnector(ctx, &connectorv1.PauseConnectorRequest{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	await("a paused", is("a", connectorv1.State_STATE_PAUSED))
	if _, err := w.DeleteConnector(ctx, &connectorv1.DeleteConnectorRequest{Name: "b"}); err != nil {
		t.Fatal(err)
	}
	await("b deleted", func(r *connectorv1.WatchConnectorsResponse) bool { return r.Status.Name == "b" && r.Deleted })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
