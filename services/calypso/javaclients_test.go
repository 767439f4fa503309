package calypso

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

//go:embed javaclients.xml
var javaClients []byte

// java is the command that runs a class of Kafka's, without the class; the test is skipped where
// Java or the jars are missing.
func java(t *testing.T) []string {
	t.Helper()
	path, err := exec.LookPath("java")
	if err != nil {
		t.Skip("no clients in Java to try: install a Java 17 runtime or newer")
	}
	jars, err := testenv.MavenJars(t.Context(), "java-clients-4.3.1", javaClients)
	if err != nil {
		t.Skipf("no clients in Java to try: %v", err)
	}
	return []string{path, "-XX:TieredStopAtLevel=1", "--class-path=" + filepath.Join(jars, "*")}
}

func TestKafkasConsoleToolsWorkWithTheBroker(t *testing.T) {
	command := java(t)
	b, err := startBroker(t.TempDir(), testenv.Port(t), brokerReserve)
	if err != nil {
		t.Fatal(err)
	}
	defer b.stop()
	const (
		topics  = "org.apache.kafka.tools.TopicCommand"
		configs = "kafka.admin.ConfigCommand"
		groups  = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
		produce = "org.apache.kafka.tools.ConsoleProducer"
		consume = "org.apache.kafka.tools.consumer.ConsoleConsumer"
	)
	for _, step := range []struct{ class, args, stdin, want string }{
		{topics, "--create --topic orders --partitions 2 --config cleanup.policy=compact", "", "Created topic orders."},
		{topics, "--describe --topic orders", "", "PartitionCount: 2"},
		{topics, "--alter --topic orders --partitions 3", "", ""},
		{topics, "--list", "", "orders"},
		{configs, "--entity-type topics --entity-name orders --alter --add-config retention.ms=60000", "",
			"Completed updating config for topic orders."},
		{configs, "--entity-type topics --entity-name orders --describe", "", "retention.ms=60000"},
		{produce, "--topic lines", "one\ntwo\n", ""},
		{consume, "--topic lines --from-beginning --max-messages 2 --group reader", "", "one\ntwo\n"},
		{consume, "--topic lines --from-beginning --max-messages 2 --group newer --command-property group.protocol=consumer",
			"", "one\ntwo\n"},
		{groups, "--list", "", "reader"},
		{groups, "--describe --all-groups", "", "newer"},
		{groups, "--reset-offsets --group reader --topic lines --to-earliest --execute", "", "NEW-OFFSET"},
		{groups, "--delete --group reader", "", "was successful"},
		{topics, "--delete --topic orders", "", ""},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		args := append(append(command[1:len(command):len(command)], step.class, "--bootstrap-server", b.address),
			strings.Fields(step.args)...)
		cmd := exec.CommandContext(ctx, command[0], args...)
		cmd.Stdin = strings.NewReader(step.stdin)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		cancel()
		if err != nil || !strings.Contains(stdout.String(), step.want) {
			t.Errorf("%s %s: %v\nit says:\n%s%s\nwant:\n%s", step.class, step.args, err, &stdout, &stderr, step.want)
		}
	}
}

// The worker makes its three topics, and with exactly-once support the source writes in transactions.
func TestAKafkaConnectWorkerRunsOnTheBroker(t *testing.T) {
	command := java(t)
	b, err := startBroker(t.TempDir(), testenv.Port(t), brokerReserve)
	if err != nil {
		t.Fatal(err)
	}
	defer b.stop()
	dir, port := t.TempDir(), testenv.Port(t)
	source, target := filepath.Join(dir, "source.txt"), filepath.Join(dir, "target.txt")
	properties := fmt.Sprintf(`bootstrap.servers=%s
group.id=connect
listeners=http://127.0.0.1:%d
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
exactly.once.source.support=enabled
plugin.discovery=service_load
config.storage.topic=connect-configs
config.storage.replication.factor=1
offset.storage.topic=connect-offsets
offset.storage.replication.factor=1
status.storage.topic=connect-statuses
status.storage.replication.factor=1
`, b.address, port)
	conf := filepath.Join(dir, "worker.properties")
	for path, content := range map[string]string{conf: properties, source: "one\ntwo\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	worker, err := testenv.StartProcess(testenv.Command{Path: command[0], Dir: dir, Log: filepath.Join(dir, "worker.log"),
		Args: append(command[1:], "org.apache.kafka.connect.cli.ConnectDistributed", conf)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			t.Logf("the worker's log ends:\n%s", worker.Tail(25))
		}
		_ = worker.Stop(syscall.SIGKILL, time.Minute)
	}()
	for name, config := range map[string]string{
		"source": `"connector.class":"org.apache.kafka.connect.file.FileStreamSourceConnector","topic":"lines","file":"` + source,
		"sink":   `"connector.class":"org.apache.kafka.connect.file.FileStreamSinkConnector","topics":"lines","file":"` + target,
	} {
		testenv.Eventually(t, 3*time.Minute, "the worker takes the "+name, func(ctx context.Context) error {
			if err := worker.Running(); err != nil {
				t.Fatal(err)
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodPut,
				fmt.Sprintf("http://127.0.0.1:%d/connectors/%s/config", port, name), strings.NewReader(`{`+config+`"}`))
			if err != nil {
				return err
			}
			request.Header.Set("Content-Type", "application/json")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return err
			}
			response.Body.Close()
			if response.StatusCode >= 300 {
				return fmt.Errorf("the worker answers %s", response.Status)
			}
			return nil
		})
	}
	testenv.Eventually(t, 3*time.Minute, "both lines have gone through Kafka", func(context.Context) error {
		if got, err := os.ReadFile(target); err != nil || string(got) != "one\ntwo\n" {
			return fmt.Errorf("the sink's file has %q: %w", got, err)
		}
		return nil
	})
	http.DefaultClient.CloseIdleConnections()
}
