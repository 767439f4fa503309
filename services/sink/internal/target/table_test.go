package target

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

func TestARowThatAnOlderVersionOfTheTableRefusedIsWorthAnotherTry(t *testing.T) {
	table := New(Cluster{Spec: &spec.Spec{}}).alone(route.Route{Topic: "s.t", Database: "db", Table: "T"})
	table.known.Store(&known{version: 2, at: time.Now()})
	refused := &row.Refused{Column: "amount"}
	if !table.ChangedSince(1, refused) {
		t.Error("another partition has seen that the table changed, and the row is not tried again")
	}
	if table.ChangedSince(2, refused) || table.Doubtful(refused) {
		t.Error("the table was looked at just now, and is said to have changed")
	}
	if table.ChangedSince(1, errors.New("the record cannot be read")) {
		t.Error("a refusal that is about no column is tried again")
	}
}

func TestWhoWaitsForATableThatIsBeingChangedGivesUpWhenItsPartitionEnds(t *testing.T) {
	l := newLock()
	if err := l.acquire(t.Context()); err != nil || l.try() {
		t.Fatal("it is had twice, or not at all:", err)
	}
	ended := errors.New("the partition is handed over")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ended)
	if err := l.acquire(ctx); !errors.Is(err, ended) {
		t.Errorf("it gives up with %v", err)
	}
	l.release()
	if !l.try() {
		t.Error("what was released cannot be had")
	}
}

// answered is a table of a cluster whose commands answer gets.
func answered(t *testing.T, c Cluster, mapping string, answer http.HandlerFunc) *Table {
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	client, err := kusto.New(kusto.Config{Endpoints: kusto.Endpoints{Query: server.URL, Ingest: server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	c.Ctx, c.Client = t.Context(), client
	return New(c).alone(route.Route{Topic: "s.t", Database: "db", Table: "T", Format: "json", Mapping: mapping})
}

func TestPartitionsThatWaitForALookTakeWhatCameOfIt(t *testing.T) {
	var looks atomic.Int32
	begun, refuse := make(chan bool, 9), make(chan bool)
	table := answered(t, Cluster{Spec: &spec.Spec{Validate: true}}, "", func(w http.ResponseWriter, _ *http.Request) {
		looks.Add(1)
		begun <- true
		<-refuse
		w.WriteHeader(http.StatusBadRequest)
	})
	table.known.Store(&known{at: time.Now().Add(-time.Hour)})
	var all sync.WaitGroup
	all.Go(func() { _ = table.LookAgain(t.Context()) })
	<-begun
	for range 9 {
		ctx := &waits{Context: t.Context(), waiting: make(chan bool)}
		all.Go(func() { _ = table.LookAgain(ctx) })
		<-ctx.waiting
	}
	close(refuse)
	all.Wait()
	if n := looks.Load(); n != 1 {
		t.Errorf("the cluster was asked %d times by 10 partitions at once", n)
	}
}

// waits is the context of one who waits for a lock, and says when that begins.
type waits struct {
	context.Context
	once    sync.Once
	waiting chan bool
}

func (w *waits) Done() <-chan struct{} {
	w.once.Do(func() { close(w.waiting) })
	return w.Context.Done()
}

func TestALookThatEndsWithItsPartitionIsNoAnswerForTheOthers(t *testing.T) {
	begun, end := make(chan bool), make(chan bool)
	table := answered(t, Cluster{Spec: &spec.Spec{Validate: true}}, "", func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		select {
		case <-r.Context().Done():
		case <-end:
		}
	})
	defer close(end)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	if _ = table.LookAgain(ctx); !table.Stale() {
		t.Error("nobody has learned anything about the table, and it counts as looked at")
	}
}

func TestATableThatSomebodyMadeIsMissingNoMore(t *testing.T) {
	var mapped atomic.Bool
	table := answered(t, Cluster{Spec: &spec.Spec{AutoCreate: true, Validate: true}}, "M",
		func(w http.ResponseWriter, r *http.Request) {
			var asked struct{ CSL string }
			_ = json.NewDecoder(r.Body).Decode(&asked)
			switch {
			case strings.HasSuffix(asked.CSL, "cslschema"):
				tell(w, []string{"Schema"}, []any{"id:int"})
			case mapped.Load():
				tell(w, []string{"Name", "Mapping"}, []any{"M", `[{"column":"id","path":"$.id"}]`})
			default:
				tell(w, []string{"Name", "Mapping"})
			}
		})
	table.known.Store(&known{missing: true, mapping: "M"})
	for _, there := range []bool{false, true} {
		mapped.Store(there)
		if err := table.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if table.known.Load().missing == there {
			t.Errorf("with its mapping there: %v, the table is to be made: %v", there, there)
		}
	}
	if fits, err := table.Fits(nil); err != nil || !fits {
		t.Errorf("a record without a schema waits for the table to be made: %v", err)
	}
}

// tell answers a command with rows of texts.
func tell(w http.ResponseWriter, columns []string, rows ...[]any) {
	table := map[string]any{"TableName": "Table_0", "Rows": append([][]any{}, rows...)}
	var described []map[string]string
	for _, c := range columns {
		described = append(described, map[string]string{"ColumnName": c, "DataType": "String", "ColumnType": "string"})
	}
	table["Columns"] = described
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"Tables": []any{table}})
}

func TestAnIdentityThatMayNotSeeATableIsNamedOnceWhenThatBegins(t *testing.T) {
	var log bytes.Buffer
	var seen atomic.Bool
	env := connector.TaskEnv{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	table := answered(t, Cluster{Env: env, Spec: &spec.Spec{Validate: true, Check: spec.CheckOff}}, "",
		func(w http.ResponseWriter, _ *http.Request) {
			if seen.Load() {
				tell(w, []string{"Schema"}, []any{"id:int"})
				return
			}
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"error":{"code":"Forbidden","message":"no","@permanent":true}}`)
		})
	for _, visible := range []bool{false, false, true, false} {
		seen.Store(visible)
		if err := table.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "may not see"); n != 2 {
		t.Errorf("it was said %d times of twice that it began:\n%s", n, log.String())
	}
}
