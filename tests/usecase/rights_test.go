package usecase

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/verify"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

// The workers have the rights that the documentation names, and no others.
func TestTheUseCaseWorksWithTheRightsThatAreDocumented(t *testing.T) {
	as := func(user string) []string {
		return []string{"CALYPSO_KAFKA_SASL_MECHANISM=PLAIN", "CALYPSO_KAFKA_SASL_USERNAME=" + user,
			"CALYPSO_KAFKA_SASL_PASSWORD=secret-" + user}
	}
	users := map[string]string{"capture": "secret-capture", "sink": "secret-sink"}
	p := newPipeline(t, stack.Options{Kafka: testenv.KafkaConfig{RealOnly: true, Users: users}, Prepare: grantDocumented,
		CaptureEnv: as("capture"), SinkEnv: as("sink"), ADXEnv: []string{batchQuickly}})
	p.burst(t, 200)
	p.start(t, func(config map[string]any) {
		quick(config)
		tolerate(config)
	})
	testenv.Eventually(t, 2*time.Minute, "capture to stream", p.streaming)
	p.burst(t, 200)
	p.settle(t, 3*time.Minute, verify.ExactlyOnce, verify.ExactlyOnce)

	p.setAside(t)
}

// grantDocumented gives the rights of docs/kafka-services.md, command by command.
func grantDocumented(ctx context.Context, kafka *testenv.Kafka) error {
	text, err := os.ReadFile("../../docs/kafka-services.md")
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Bootstrap))
	if err != nil {
		return err
	}
	defer client.Close()
	flags := regexp.MustCompile(`--(\S+) ([^-\s]\S*)`)
	names := strings.NewReplacer("<topic.prefix>", "myserver", "<dead-letters>", deadLetters)
	commands := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "    kafka-acls.sh") {
			continue
		}
		commands++
		acls := kadm.NewACLs().AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral)
		var operations []kadm.ACLOperation
		for _, f := range flags.FindAllStringSubmatch(line, -1) {
			switch value := names.Replace(f[2]); f[1] {
			case "allow-principal":
				acls.Allow(value)
			case "operation":
				o, err := kmsg.ParseACLOperation(value)
				if err != nil {
					return err
				}
				operations = append(operations, o)
			case "topic":
				acls.Topics(value)
			case "group":
				acls.Groups(value)
			case "transactional-id":
				acls.TransactionalIDs(value)
			case "resource-pattern-type":
				acls.ResourcePatternType(kadm.ACLPatternPrefixed)
			}
		}
		made, err := kadm.NewClient(client).CreateACLs(ctx, acls.Operations(operations...))
		for _, one := range made {
			err = errors.Join(err, one.Err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	if commands == 0 {
		return errors.New("docs/kafka-services.md has no commands")
	}
	return nil
}
