package topics

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

func TestTopicsThatCannotBeListedAreShownUntilTheyCan(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	var listed atomic.Bool
	cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if r.(*kmsg.MetadataRequest).Topics == nil && !listed.Load() {
			return nil, errors.New("no"), true
		}
		return nil, nil, false
	})
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RequestRetries(0),
		kgo.ConsumeTopics("others"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	pattern, err := javaregex.Compile("ord.*")
	if err != nil {
		t.Fatal(err)
	}
	env := connector.TaskEnv{Connector: "adx", Logger: slog.New(slog.DiscardHandler), Happened: func(string, string) {}}
	r := &Reader{Env: env, Client: client, Status: status.NewTask(env, nil, ""), Spec: &spec.Spec{Pattern: pattern}}
	r.Spec.Member.Refresh = 20 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); r.Discover(ctx) }()
	defer func() { cancel(); <-ended }()
	testenv.Eventually(t, time.Minute, "the failure is shown", func(context.Context) error {
		for _, n := range r.Status.Notices.Told() {
			if n.Kind == status.TopicsUnlisted && strings.Contains(n.Summary, "topics.regex") && n.Remedy != "" {
				return nil
			}
		}
		return errors.New("it is not")
	})
	listed.Store(true)
	testenv.Eventually(t, time.Minute, "the failure is not shown any more", func(context.Context) error {
		if len(r.Status.Notices.Told()) > 0 {
			return errors.New("it is")
		}
		return nil
	})
}
