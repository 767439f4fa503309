package testenv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// KafkaConfig says how to run a broker. The zero value is one Apache Kafka node in KRaft mode, with a heap of 512 MiB.
type KafkaConfig struct {
	// Properties are added to server.properties, one "name=value" each; the last of a name wins.
	Properties []string
	// Heap is the JVM's -Xmx; 512m if empty.
	Heap string
	// Proxied adds a listener that is advertised at a fault proxy (Kafka.Proxy), so that all that clients do, not only
	// their first connection, goes through it. Apache Kafka only.
	Proxied bool
	// Users are the users of a listener with SASL/PLAIN (Kafka.SecuredBootstrap), with their
	// passwords. ACLs decide what each may do; clients of the other listeners may do everything, and
	// set ACLs. Apache Kafka only.
	Users map[string]string
	// RealOnly fails, instead of using the in-memory broker, if Apache Kafka cannot run.
	RealOnly bool
}

// Kafka is one broker: Apache Kafka, or franz-go's in-memory kfake on machines without Java or the jars.
type Kafka struct {
	// Bootstrap is host:port.
	Bootstrap string
	// SecuredBootstrap is host:port of the listener for users; empty unless there are some.
	SecuredBootstrap string
	// ProxiedBootstrap is host:port of the listener behind Proxy; empty unless asked for.
	ProxiedBootstrap string
	Proxy            *Proxy
	// Real is true if the broker is Apache Kafka; otherwise Notice says why not.
	Real   bool
	Notice string

	fake    *kfake.Cluster
	dir     string
	java    []string
	process *Process
}

// clusterID is any valid one: the brokers of tests never meet.
const clusterID = "q1Sh-9_ISia_zwGINzRvyQ"

// StartKafka starts a broker.
func StartKafka(ctx context.Context, cfg KafkaConfig) (*Kafka, error) {
	k, err := startApacheKafka(ctx, cfg)
	if err == nil || !errors.Is(err, ErrNoKafka) || cfg.RealOnly || cfg.Proxied || len(cfg.Users) > 0 {
		return k, err
	}
	fake, ferr := kfake.NewCluster(kfake.NumBrokers(1), kfake.DefaultNumPartitions(1))
	if ferr != nil {
		return nil, fmt.Errorf("start the in-memory broker: %w", ferr)
	}
	return &Kafka{Bootstrap: fake.ListenAddrs()[0], fake: fake,
		Notice: "an in-memory broker (kfake) stands in for Apache Kafka: " + err.Error()}, nil
}

func startApacheKafka(ctx context.Context, cfg KafkaConfig) (_ *Kafka, err error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, fmt.Errorf("%w: no java in PATH: install a Java 17 runtime or newer", ErrNoKafka)
	}
	jars, err := KafkaJars(ctx)
	if err != nil {
		return nil, err
	}
	k := &Kafka{Real: true}
	if k.dir, err = os.MkdirTemp("", "calypso-kafka-"); err != nil {
		return nil, fmt.Errorf("make a data directory: %w", err)
	}
	defer func() {
		if err != nil {
			_ = k.Close()
		}
	}()
	var ports [4]int
	for i := range ports {
		if ports[i], err = FreePort(); err != nil {
			return nil, err
		}
	}
	address := func(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
	k.Bootstrap = address(ports[0])
	listeners := "INTERNAL://" + address(ports[0]) + ",CONTROLLER://" + address(ports[1])
	advertised := "INTERNAL://" + address(ports[0])
	if cfg.Proxied {
		if k.Proxy, err = StartProxy(address(ports[2])); err != nil {
			return nil, err
		}
		k.ProxiedBootstrap = k.Proxy.Addr
		listeners += ",PROXIED://" + address(ports[2])
		advertised += ",PROXIED://" + k.Proxy.Addr
	}
	secured := cfg.secured()
	if len(secured) > 0 {
		k.SecuredBootstrap = address(ports[3])
		listeners += ",SECURED://" + k.SecuredBootstrap
		advertised += ",SECURED://" + k.SecuredBootstrap
	}
	properties := append([]string{
		"process.roles=broker,controller", "node.id=1", "controller.quorum.voters=1@" + address(ports[1]),
		"listeners=" + listeners, "advertised.listeners=" + advertised,
		"listener.security.protocol.map=INTERNAL:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_PLAINTEXT",
		"inter.broker.listener.name=INTERNAL", "controller.listener.names=CONTROLLER",
		"log.dirs=" + filepath.Join(k.dir, "data"),
		"offsets.topic.replication.factor=1", "offsets.topic.num.partitions=4",
		"transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
		"transaction.state.log.num.partitions=4",
		"share.coordinator.state.topic.replication.factor=1", "share.coordinator.state.topic.min.isr=1",
		"group.initial.rebalance.delay.ms=0", // the default waits 3 s for members that a test does not have
		"num.network.threads=2", "num.io.threads=4",
	}, append(secured, cfg.Properties...)...)
	conf := filepath.Join(k.dir, "server.properties")
	if err := os.WriteFile(conf, []byte(strings.Join(properties, "\n")+"\n"), 0o644); err != nil {
		return nil, fmt.Errorf("write server.properties: %w", err)
	}
	classes := "--class-path=" + filepath.Join(jars, "*")
	format := exec.CommandContext(ctx, java, "-XX:TieredStopAtLevel=1", classes, "kafka.tools.StorageTool", "format", "-t",
		clusterID, "-c", conf)
	format.SysProcAttr = childAttributes(-1, 0, syscall.SIGKILL)
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format the broker's storage: %w\n%s", err, out)
	}
	heap := cfg.Heap
	if heap == "" {
		heap = "512m"
	}
	k.java = []string{java, "-Xmx" + heap, "-XX:+UseG1GC", classes, "kafka.Kafka", conf}
	return k, k.Start(ctx)
}

// secured are the properties for users; none if there are none.
func (cfg KafkaConfig) secured() []string {
	if len(cfg.Users) == 0 {
		return nil
	}
	module := "org.apache.kafka.common.security.plain.PlainLoginModule required"
	for _, name := range slices.Sorted(maps.Keys(cfg.Users)) {
		module += fmt.Sprintf(" user_%s=%q", name, cfg.Users[name])
	}
	return []string{
		"sasl.enabled.mechanisms=PLAIN", "listener.name.secured.plain.sasl.jaas.config=" + module + ";",
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users=User:ANONYMOUS",
	}
}

// Start starts a stopped broker on its ports and returns when it accepts requests.
func (k *Kafka) Start(ctx context.Context) (err error) {
	if k.process, err = StartProcess(Command{Path: k.java[0], Args: k.java[1:], Dir: k.dir,
		Log: filepath.Join(k.dir, "server.log")}); err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Bootstrap))
	if err != nil {
		return fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("the broker was given two minutes to start"))
	defer cancel()
	var ended error
	err = WaitFor(ctx, "the Kafka broker", func(ctx context.Context) error {
		if ended = k.process.Running(); ended != nil {
			return nil
		}
		return client.Ping(ctx)
	})
	if ended != nil {
		return ended
	}
	return err
}

// Stop shuts Apache Kafka down in order and keeps its data.
func (k *Kafka) Stop() error {
	err := k.process.Stop(syscall.SIGTERM, 30*time.Second)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 128+int(syscall.SIGTERM) {
		return nil // the status of a JVM that was asked to end
	}
	return err
}

// Kill ends Apache Kafka like kill -9 and keeps its data.
func (k *Kafka) Kill() { k.process.Kill() }

// Close ends the broker and removes its data.
func (k *Kafka) Close() error {
	if k.fake != nil {
		k.fake.Close()
		return nil
	}
	if k.process != nil {
		k.process.Kill()
	}
	if k.Proxy != nil {
		k.Proxy.Close()
	}
	return os.RemoveAll(k.dir)
}

// RunKafka is StartKafka for a test. If Apache Kafka cannot run, the test gets the in-memory
// broker, and its log says so.
func RunKafka(t testing.TB, cfg KafkaConfig) *Kafka {
	t.Helper()
	cfg.RealOnly = cfg.RealOnly || strings.Contains(os.Getenv("CALYPSO_TEST_REQUIRE"), "kafka")
	k, err := StartKafka(t.Context(), cfg)
	if errors.Is(err, ErrNoKafka) {
		missing(t, "kafka", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !k.Real {
		t.Log(k.Notice)
	}
	t.Cleanup(func() {
		if t.Failed() && k.process != nil {
			t.Logf("the broker's log ends:\n%s", k.process.Tail(30))
		}
		if err := k.Close(); err != nil {
			t.Errorf("remove the broker: %v", err)
		}
	})
	return k
}
