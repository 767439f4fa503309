package testenv

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// ErrNoKafka means that the machine cannot run an Apache Kafka broker.
var ErrNoKafka = errors.New("no Apache Kafka")

// broker is the Maven project whose only dependency is the broker: one place for its version.
//
//go:embed pom.xml
var broker []byte

var brokerVersion = regexp.MustCompile(`kafka_2\.13</artifactId>\s*<version>([^<]+)<`)

// KafkaVersion is the version of Apache Kafka that StartKafka runs.
func KafkaVersion() string { return string(brokerVersion.FindSubmatch(broker)[1]) }

// KafkaJars returns a directory with the jars of an Apache Kafka broker: that named by
// CALYPSO_TEST_KAFKA_JARS, else one in the user's cache, which Maven fills the first time (45 jars,
// 44 MB).
func KafkaJars(ctx context.Context) (string, error) {
	if dir := os.Getenv("CALYPSO_TEST_KAFKA_JARS"); dir != "" {
		return dir, nil
	}
	jars, err := MavenJars(ctx, "kafka-"+KafkaVersion(), broker)
	if err != nil {
		return "", fmt.Errorf("%w: fetch its jars, or name their directory in CALYPSO_TEST_KAFKA_JARS: %w", ErrNoKafka, err)
	}
	return jars, nil
}

// debezium is the Maven project of a Kafka Connect worker with its transforms and Debezium's
// PostgreSQL connector: one place for the versions whose answers were recorded.
//
//go:embed debezium.xml
var debezium []byte

// DebeziumJars returns a directory in the user's cache with the jars of a Kafka Connect worker and
// Debezium, which Maven fills the first time.
func DebeziumJars(ctx context.Context) (string, error) {
	return MavenJars(ctx, "debezium-3.6.3", debezium)
}

// MavenJars returns the directory of this name in the user's cache, which holds the jars that a Maven
// project depends on. The first time Maven fetches them.
func MavenJars(ctx context.Context, name string, pom []byte) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache directory: %w", err)
	}
	jars := filepath.Join(cache, "calypso", name)
	if _, err := os.Stat(jars); err == nil {
		return jars, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("the jars are neither in %s nor is Maven there to fetch them: install maven: %w", jars, err)
	}
	if err := os.MkdirAll(filepath.Dir(jars), 0o755); err != nil {
		return "", fmt.Errorf("make the cache directory: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(jars), "fetch-")
	if err != nil {
		return "", fmt.Errorf("make a directory for the jars: %w", err)
	}
	defer os.RemoveAll(work)
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), pom, 0o644); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, mvn, "-B", "-q", "dependency:copy-dependencies", "-DincludeScope=runtime",
		"-DoutputDirectory=jars")
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch the jars: %w\n%s", err, out)
	}
	// The rename makes the directory appear complete or not at all. Another process may have won: its jars are the same.
	if err := os.Rename(filepath.Join(work, "jars"), jars); err != nil {
		if _, found := os.Stat(jars); found != nil {
			return "", fmt.Errorf("keep the jars: %w", err)
		}
	}
	return jars, nil
}
