package target

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// retypedIn is a table of a task that keeps its notes by note, and one of whose columns somebody has
// given another type; noted waits until what was begun to be noted has ended.
func retypedIn(ctx context.Context, note func(context.Context) error) (r *Retypes, noted func()) {
	var beside sync.WaitGroup
	env := connector.TaskEnv{Logger: slog.New(slog.DiscardHandler),
		Note: func(ctx context.Context, _ string, _ json.RawMessage) error { return note(ctx) }}
	task := status.NewTask(env, nil, "")
	ignore := func(error) {}
	r = &Retypes{cluster: &Cluster{Ctx: ctx, Env: env, Status: task,
		Retry:  retry.New(task.Troubles, 0, time.Millisecond, ignore, ignore),
		Beside: func(_ string, work func()) { beside.Go(work) }}}
	schema := func(of kusto.ColumnType) *kusto.TableSchema {
		return &kusto.TableSchema{Columns: []kusto.Column{{Name: "amount", Type: of}}}
	}
	r.changed(schema(kusto.String), schema(kusto.Int), time.Now(), 2)
	return r, beside.Wait
}

func TestRetypedColumnsAreNotedEvenIfTheTaskStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stored := false
	r, noted := retypedIn(ctx, func(ctx context.Context) error {
		stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		stored = true
		return nil
	})
	r.Sending(1)
	if noted(); !stored {
		t.Error("the note was given up when the task stopped")
	}
}

func TestRetypedColumnsAreReportedAgainUntilTheyAreNoted(t *testing.T) {
	away := retry.Permanent(errors.New("no"))
	tried := 0
	r, noted := retypedIn(t.Context(), func(context.Context) error {
		if tried++; tried == 1 {
			return away
		}
		return nil
	})
	for range 3 {
		r.Sending(1)()
		noted()
	}
	if tried != 2 {
		t.Errorf("a note that failed once was tried %d times", tried)
	}
}
