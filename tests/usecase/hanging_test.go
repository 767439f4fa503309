package usecase

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/verify"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

// A broker that loses what a coordinator of transactions knew leaves transactions open for ever
// (KIP-664). Readers of committed records, which both workers are, wait before them and see nothing
// that waits.
func TestTransactionsThatHangAreNamedAndRolledBack(t *testing.T) {
	p := newPipeline(t, stack.Options{Kafka: testenv.KafkaConfig{RealOnly: true,
		Properties: []string{testenv.HangingTransactions}}, ADXEnv: []string{batchQuickly}})
	p.burst(t, 100)
	p.start(t, quick)
	p.settle(t, 3*time.Minute, verify.ExactlyOnce, verify.ExactlyOnce)
	calls, err := grpc.NewClient(p.Address("admin grpc"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer calls.Close()
	service := connectorv1.NewConnectorServiceClient(calls)
	longAgo := time.Now().Add(-time.Hour).Truncate(time.Second)
	open := func(topic string, key []byte) int64 {
		t.Helper()
		producer, err := p.Kafka.LeaveTransactionOpen(t.Context(),
			&kgo.Record{Topic: topic, Key: key, Value: []byte("{}"), Timestamp: longAgo})
		if err != nil {
			t.Fatal(err)
		}
		return producer
	}
	abort := func(topic string, producer int64) error {
		_, err := service.AbortHangingTransaction(t.Context(),
			&connectorv1.AbortHangingTransactionRequest{Topic: topic, ProducerId: producer})
		return err
	}
	// named waits until the pipeline's checks have one with all that the user needs.
	named := func(check, topic string, producer int64) {
		t.Helper()
		want := []string{topic, fmt.Sprint("producer ", producer), longAgo.UTC().Format(time.RFC3339),
			fmt.Sprintf("calypsoctl transactions abort %s 0 --producer %d", topic, producer)}
		testenv.Eventually(t, 2*time.Minute, "a check that names the transaction", func(ctx context.Context) error {
			found, err := p.check(ctx, check)
			for _, part := range want {
				if err == nil && !strings.Contains(found, part) {
					err = fmt.Errorf("check %s lacks %q: %s", check, part, found)
				}
			}
			return err
		})
	}

	t.Run("in the topic of a table", func(t *testing.T) {
		producer := open(topic, nil)
		p.burst(t, 50)
		named("source_changes", topic, producer)
		listed, err := service.ListHangingTransactions(t.Context(), &connectorv1.ListHangingTransactionsRequest{})
		if err != nil || len(listed.Transactions) != 1 || listed.Transactions[0].ProducerId != producer ||
			listed.Transactions[0].Topic != topic {
			t.Fatalf("listed %v, error %v", listed, err)
		}
		if err := abort(topic, producer+1000); status.Code(err) != codes.NotFound {
			t.Errorf("rolling back one that there is not: %v", err)
		}
		if err := abort(topic, producer); err != nil {
			t.Fatal(err)
		}
		p.settle(t, 2*time.Minute, verify.ExactlyOnce, verify.ExactlyOnce)
	})
	t.Run("in the topic of offsets", func(t *testing.T) {
		const offsets = "calypso-offsets"
		producer := open(offsets, connector.OffsetKey(source, map[string]any{"server": "myserver"}))
		if err := p.Source().Call(t.Context(), "POST", "/connectors/"+source+"/restart?includeTasks=true", nil,
			nil); err != nil {
			t.Fatal(err)
		}
		named("capture", offsets, producer)
		p.burst(t, 50)
		if err := abort(offsets, producer); err != nil {
			t.Fatal(err)
		}
		p.settle(t, 2*time.Minute, verify.ExactlyOnce, verify.ExactlyOnce)
	})
	// A transaction of somebody else's may have a coordinator that does not show it, until its time limit has passed.
	longAgo = time.Now().Add(-2 * time.Minute)
	if err := abort(topic, open(topic, nil)); status.Code(err) != codes.FailedPrecondition ||
		!strings.Contains(status.Convert(err).Message(), "try again after") {
		t.Errorf("rolling back one that is young: %v", err)
	}
}

// check is what a check of the pipeline says that is not well; all of that name, as JSON.
func (p *pipeline) check(ctx context.Context, name string) (string, error) {
	body, err := p.view(ctx)
	if err != nil {
		return "", err
	}
	var answer struct {
		Pipeline struct{ Checks []map[string]any }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("%w: %.300s", err, body)
	}
	var found strings.Builder
	for _, c := range answer.Pipeline.Checks {
		if c["name"] == name {
			fmt.Fprintf(&found, "%v %v. %v\n", c["state"], c["summary"], c["remedy"])
		}
	}
	return found.String(), nil
}

// view is the pipeline as admin shows it, as JSON.
func (p *pipeline) view(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		"http://"+p.Address("admin source")+"/v1/pipelines/"+source, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}
