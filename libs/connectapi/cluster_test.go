package connectapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connectapi"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/api"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; it is no statement about speed.
const patience = 30 * time.Second

// workerID and version are those of the recorded worker.
const (
	workerID = "127.0.0.1:39083"
	version  = "4.3.1"
)

// cluster is one worker on an in-memory Kafka, behind the API on a real port.
type cluster struct {
	url    string
	client connectorv1.ConnectorServiceClient
	api    *connectapi.Handler
}

func startCluster(t testing.TB, options ...func(*runtime.Config)) *cluster {
	t.Helper()
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	config := runtime.Config{
		Settings: runtime.Settings{WorkerID: workerID, ReplicationFactor: 1},
		Kafka:    []kgo.Opt{kgo.SeedBrokers(kafka.ListenAddrs()...)}, GroupID: "fleet", Partitions: 3,
		Plugins: []connector.Plugin{fileStream(t, connector.Source), fileStream(t, connector.Sink)},
		Logger:  slog.New(slog.DiscardHandler),
	}
	for _, option := range options {
		option(&config)
	}
	worker, err := runtime.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(rpc.Config{Ready: worker.Ready})
	connectorv1.RegisterConnectorServiceServer(server, api.New(worker))
	listener := bufconn.Listen(1 << 20)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- worker.Run(ctx) }()
	go func() { done <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	connection, err := grpc.NewClient("passthrough:///worker", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	client := connectorv1.NewConnectorServiceClient(connection)
	handler := connectapi.NewHandler(connectapi.Config{
		Client:    client,
		ClusterID: func(context.Context) (string, error) { return "RNsA0iGKQSuWE0NlU5tqlA", nil },
		Ready:     func(context.Context) error { return worker.Ready() },
		Version:   "test",
	})
	api := httptest.NewServer(handler)
	t.Cleanup(api.Close)
	deadline := time.Now().Add(patience)
	for worker.Ready() != nil {
		if time.Now().After(deadline) {
			t.Fatalf("the worker does not get ready: %v", worker.Ready())
		}
		time.Sleep(10 * time.Millisecond)
	}
	return &cluster{api.URL, client, handler}
}

// fileStream stands for Kafka's FileStream connectors, with which the exchanges were recorded: same keys, same offsets.
func fileStream(t testing.TB, kind connector.Type) connector.Plugin {
	t.Helper()
	file := catalogue.Key{Name: "file", Type: catalogue.String, Importance: catalogue.High, Doc: "Filename."}
	keys := []catalogue.Key{file}
	framework, class := catalogue.SinkFramework(), "org.apache.kafka.connect.file.FileStreamSinkConnector"
	if kind == connector.Source {
		framework, class = catalogue.SourceFramework(), "org.apache.kafka.connect.file.FileStreamSourceConnector"
		keys = append(keys,
			catalogue.Key{Name: "topic", Type: catalogue.String, Required: true, Importance: catalogue.High,
				Doc: "The topic to publish data to"},
			catalogue.Key{Name: "batch.size", Type: catalogue.Int, Default: catalogue.Default("2000"), Importance: catalogue.Low,
				Doc: "The maximum number of records"})
	}
	known, err := catalogue.New(framework, keys)
	if err != nil {
		t.Fatal(err)
	}
	return connector.Plugin{
		Class: class, Type: kind, Version: version, Catalogue: known,
		Tasks: func(catalogue.Values) (int, error) { return 1, nil },
		Check: func(_ context.Context, values catalogue.Values) []connector.Check {
			if strings.HasPrefix(values.String("file"), "/nonexistent/") {
				return []connector.Check{{Name: "file can be opened", Detail: "the directory is missing", Remedy: "Make it."}}
			}
			return []connector.Check{{Name: "file can be opened", OK: true}}
		},
		Offset: func(_ catalogue.Values, _, offset []byte) *catalogue.Problem {
			if bytes.Contains(offset, []byte(`"position":-`)) {
				return &catalogue.Problem{Key: "offset.position",
					Message: "The value for the 'position' key in the offset should be a non-negative value"}
			}
			return nil
		},
		NewTask: func(env connector.TaskEnv, values catalogue.Values) (connector.Task, error) {
			return fileTask{env, values, kind}, nil
		},
	}
}

type fileTask struct {
	env    connector.TaskEnv
	values catalogue.Values
	kind   connector.Type
}

func (task fileTask) Run(ctx context.Context) error {
	file := task.values.String("file")
	if strings.HasPrefix(file, "/nonexistent/") {
		return fmt.Errorf("find or create file %s: no such directory; make it", file)
	}
	var err error
	if task.kind == connector.Source {
		err = task.produce(ctx, file)
	} else {
		err = task.consume(ctx)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	<-ctx.Done()
	return nil
}

// produce leaves the offset of a file of 51 bytes.
func (task fileTask) produce(ctx context.Context, file string) error {
	if err := task.env.UsedTopic(task.values.String("topic")); err != nil {
		return err
	}
	client, err := task.env.Kafka()
	if err != nil {
		return err
	}
	defer client.Close()
	return client.ProduceSync(ctx, &kgo.Record{
		Topic: task.env.OffsetsTopic, Key: connector.OffsetKey(task.env.Connector, map[string]any{"filename": file}),
		Value: []byte(`{"position":51}`),
	}).FirstErr()
}

// consume leaves the offset of 40 records.
func (task fileTask) consume(ctx context.Context) error {
	client, err := task.env.Kafka()
	if err != nil {
		return err
	}
	defer client.Close()
	offsets := kadm.Offsets{}
	for _, topic := range task.values.List("topics") {
		if err := task.env.UsedTopic(topic); err != nil {
			return err
		}
		offsets.AddOffset(topic, 0, 40, -1)
	}
	committed, err := kadm.NewClient(client).CommitOffsets(ctx,
		connector.ConsumerGroup(task.env.Connector, task.values), offsets)
	if err == nil {
		err = committed.Error()
	}
	return err
}
