// Package debezium runs what Calypso is compared with: a Kafka Connect worker with Debezium's PostgreSQL connector.
package debezium

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/tests/internal/connect"
)

// AvroJars is the environment variable that names a directory with the jars of Confluent's AvroConverter and of what it
// needs, if the worker is to have it: Maven's central repository does not have them.
const AvroJars = "CALYPSO_TEST_AVRO_JARS"

// Run starts a worker on a broker for a test. It skips the test where Java or the jars are missing.
func Run(t testing.TB, brokers string) connect.Client {
	t.Helper()
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skip("no Debezium to compare with: install a Java 17 runtime or newer")
	}
	jars, err := testenv.DebeziumJars(t.Context())
	if err != nil {
		t.Skipf("no Debezium to compare with: %v", err)
	}
	classPath := filepath.Join(jars, "*")
	if avro := os.Getenv(AvroJars); avro != "" {
		classPath += string(os.PathListSeparator) + filepath.Join(avro, "*")
	}
	dir := t.TempDir()
	port := testenv.Port(t)
	conf := filepath.Join(dir, "worker.properties")
	if err := os.WriteFile(conf, []byte(properties(brokers, port)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "log4j.properties"), []byte(logging), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := testenv.StartProcess(testenv.Command{Path: java,
		Args: []string{"-Xmx512m", "-Dlog4j.configuration=file:" + filepath.Join(dir, "log4j.properties"),
			"--class-path=" + classPath, "org.apache.kafka.connect.cli.ConnectDistributed", conf}, Dir: dir,
		Log: filepath.Join(dir, "worker.log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log of Kafka Connect ends:\n%s", p.Tail(25))
		}
		p.Kill()
	})
	c := connect.Client{URL: fmt.Sprintf("http://127.0.0.1:%d", port)}
	testenv.Eventually(t, 3*time.Minute, "Kafka Connect", func(ctx context.Context) error {
		if err := p.Running(); err != nil {
			t.Fatal(err)
		}
		return c.Call(ctx, "GET", "/connectors", nil, nil)
	})
	return c
}

func properties(brokers string, port int) string {
	lines := []string{"bootstrap.servers=" + brokers, "group.id=debezium", "plugin.discovery=service_load",
		fmt.Sprintf("listeners=http://127.0.0.1:%d", port),
		"key.converter=org.apache.kafka.connect.json.JsonConverter",
		"value.converter=org.apache.kafka.connect.json.JsonConverter",
		"scheduled.rebalance.max.delay.ms=0"}
	for _, topic := range []string{"config", "offset", "status"} {
		lines = append(lines, topic+".storage.topic=connect-"+topic, topic+".storage.replication.factor=1")
	}
	return strings.Join(lines, "\n") + "\n"
}

const logging = `log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %c: %m%n
`
