package sink

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestWhatACallWaitsForIsShownBeforeItReturns(t *testing.T) {
	s := newFixture(t, 1, nil)
	s.produce(1, 2, 1)
	run := s.start()
	s.holds(2)
	servers.adx.inject(t, func(*http.Request) fault { return hang })
	s.produce(2, 3, 1)
	shown := func(ctx context.Context) string {
		return s.summary(ctx, run).TryingAgain
	}
	testenv.Eventually(t, time.Minute, "the wait is shown", func(ctx context.Context) error {
		if said := shown(ctx); !strings.Contains(said, "wait for Azure Data Explorer: ") ||
			!strings.Contains(said, "has not answered for") {
			return fmt.Errorf("it tries again because of %q", said)
		}
		return nil
	})
	// The server still answers nothing, which is no reason not to stop.
	if err := run.stop(); err != nil {
		t.Error(err)
	}
}

func TestAClusterThatAnswersAnybodyIsNotCalledAwayByWhoWillAskItLater(t *testing.T) {
	s := newFixture(t, 1, nil)
	s.produce(1, 2, 1)
	run := s.start()
	s.holds(2)
	task := run.joined(t)
	ask := func(ctx context.Context) error {
		_, err := task.client.Query(ctx, "shop", "print 1")
		return err
	}
	shown := func(ctx context.Context) string { return s.summary(ctx, run).TryingAgain }
	servers.adx.inject(t, func(*http.Request) fault { return drop })
	away := ask(t.Context())
	if away == nil {
		t.Fatal("the cluster is there")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tried, ended := false, make(chan error, 1)
	go func() {
		ended <- task.member.Batches.Retry.Do(ctx, func(ctx context.Context) error {
			if !tried {
				tried = true
				return away
			}
			<-ctx.Done() // as one that will try again only later
			return ctx.Err()
		})
	}()
	testenv.Eventually(t, time.Minute, "the cluster is away", func(ctx context.Context) error {
		if said := shown(ctx); !strings.Contains(said, "EOF") && !strings.Contains(said, "reset") {
			return fmt.Errorf("it tries again because of %q", said)
		}
		return nil
	})
	servers.adx.inject(t, nil)
	if err := task.member.Batches.Retry.Do(ctx, ask); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "nothing is tried again", func(ctx context.Context) error {
		if said := shown(ctx); said != "" {
			return fmt.Errorf("it tries again because of %q", said)
		}
		return nil
	})
	cancel()
	<-ended
	if err := run.stop(); err != nil {
		t.Error(err)
	}
}
