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
	s := newStage(t, 1, nil)
	s.produce(1, 2, 1)
	run := s.start()
	s.holds(2)
	servers.adx.inject(t, func(*http.Request) fault { return hang })
	s.produce(2, 3, 1)
	shown := func(ctx context.Context) string {
		return summarize(ctx, s.name, []*task{run.task}).LastError
	}
	testenv.Eventually(t, time.Minute, "the wait is shown", func(ctx context.Context) error {
		if said := shown(ctx); !strings.Contains(said, "wait for Azure Data Explorer: ") || !strings.Contains(said, "has not answered for") {
			return fmt.Errorf("the last error is %q", said)
		}
		return nil
	})
	// The server still answers nothing, which is no reason not to stop.
	if err := run.stop(); err != nil {
		t.Error(err)
	}
}
