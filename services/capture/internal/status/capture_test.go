package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/slot"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

func newCapture(name string) *Capture {
	hidden := func(text string) string { return strings.ReplaceAll(text, "secret", "***") }
	return NewCapture(connector.TaskEnv{Connector: name, WorkerID: "w", Hide: hidden}, nil)
}

// phases is what a capture shows after each of some events.
func phases(c *Capture, events ...Event) string {
	var out []string
	for _, e := range events {
		c.Observe(e)
		out = append(out, c.State().Phase.String())
	}
	return strings.Join(out, " ")
}

func TestAPhaseFollowsAnotherOnlyInTurn(t *testing.T) {
	failed := errors.New("it failed")
	stream := StreamBegan{Slot: "s", Counters: func() Counters { return Counters{} }}
	for name, c := range map[string]struct {
		events []Event
		want   string
	}{
		"a first start": {[]Event{Connected{}, Waits{"a lock"}, SnapshotBegan{}, SnapshotEnded{},
			stream}, "connecting connecting snapshotting snapshotting streaming"},
		"a resumed snapshot": {[]Event{Connected{}, stream, SnapshotBegan{}, stream},
			"connecting streaming snapshotting streaming"},
		"a snapshot alone": {[]Event{Connected{}, SnapshotBegan{}, Completed{}},
			"connecting snapshotting complete"},
		"a retry": {[]Event{Connected{}, stream, SessionFailed{failed}, Connected{}, stream},
			"connecting streaming retrying retrying streaming"},
		"a poll": {[]Event{Connected{}, PollBegan{"a"}, PollBegan{"b"}, TaskFailed{failed}},
			"connecting polling polling failed"},
		"what a task that failed is told late": {[]Event{Connected{}, TaskFailed{failed}, Slow{failed}, SessionFailed{failed},
			stream}, "connecting failed failed failed failed"},
		"what the connecting waited for, told late": {[]Event{Connected{}, stream, Held{failed}, Held{}, Slow{failed},
			Slow{}}, "connecting streaming streaming streaming retrying streaming"},
		"trouble that another trouble takes the place of": {[]Event{Connected{}, SnapshotBegan{}, Slow{failed}, Held{failed},
			Held{}}, "connecting snapshotting retrying snapshotting snapshotting"},
		"trouble that the end of the session ends": {[]Event{Connected{}, stream, Slow{failed}, SessionFailed{failed},
			Connected{}, Waits{"a lock"}}, "connecting streaming retrying retrying retrying connecting"},
		"a stream before anybody connected": {[]Event{stream}, "idle"},
	} {
		if got := phases(newCapture("c"), c.events...); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestWhatIsShownOfACaptureIsWhatItsEventsSay(t *testing.T) {
	c := newCapture("c")
	load := Counters{WALBytes: 100, Waited: time.Second, Received: 50}
	at := time.Now()
	ago := func(d time.Duration) int64 { return at.Add(-d).UnixMicro() }
	for _, e := range []Event{
		Connected{}, TakenUp{pgrepl.Position{Commit: 7}}, Found{[]Table{{Name: "s.a"}, {Name: "s.b"}}},
		SnapshotBegan{Tables: []TableSnapshot{{Table: "s.a", Ranges: 2}, {Table: "s.b", Ranges: 1}}},
		&Delivered{Summary: &buffer.Summary{
			Reads:  []buffer.Read{{Table: "s.a", Rows: 3, Done: true}},
			Counts: []buffer.Count{{Table: "s.a", Op: debezium.Read, Events: 3, Rows: 3}},
		}, At: at},
	} {
		c.Observe(e)
	}
	if s := c.State(); s.Durable != 7 || s.Rows != 0 ||
		s.Snapshots[0] != (TableSnapshot{Table: "s.a", Rows: 3, Ranges: 2, Done: 1}) {
		t.Errorf("in the middle of the snapshot: %+v", s)
	}
	if all := c.Tables(); all[0].Activity != Reading || all[0].Read != 3 || all[1].Activity != Waiting ||
		all[1].Reason == "" {
		t.Errorf("in the middle of the snapshot: tables %+v", all)
	}
	asked := &progress.Incremental{Ended: []progress.EndedCollection{
		{Collection: progress.Collection{Table: pgrepl.Table{Schema: "s", Name: "a"}},
			Err: errors.New("the secret was wrong")}}}
	for _, e := range []Event{
		SnapshotEnded{}, StreamBegan{At: pgrepl.Position{Commit: 9}, Slot: "slot", Counters: func() Counters { return load }},
		&Delivered{
			Summary: &buffer.Summary{
				At: pgrepl.Position{Commit: 20}, Transactions: 2, Last: progress.Commit{CommitTime: ago(time.Second)}, Changed: 2,
				Oldest: ago(2 * time.Second), Newest: ago(time.Second),
				Counts: []buffer.Count{
					{Table: "s.a", Op: debezium.Update, Events: 2, Rows: 1, CommitTime: ago(time.Second), LSN: 19},
					{Table: "s.c", Op: debezium.Create, Events: 1, Rows: 1, CommitTime: ago(2 * time.Second)}},
				Incremental: asked,
			},
			Tables: []Table{{Name: "s.c", Version: 1}}, At: at, ExactlyOnce: true,
		},
	} {
		c.Observe(e)
	}
	s := c.State()
	if s.Durable != 20 || s.Rows != 3 || s.Transactions != 2 || s.Age.Round(time.Second) != time.Second ||
		s.Latency.Message().Count != 2 || !s.ExactlyOnce || s.Stream.Received != 50 || s.WALBytes != 100 {
		t.Errorf("while it streams: %+v", s)
	}
	all := c.Tables()
	if a := all[0]; a.Activity != Broken || !strings.Contains(a.Reason, "the *** was wrong") || a.Updated != 1 ||
		a.LastLSN != 19 {
		t.Errorf("while it streams: table %+v", a)
	}
	if len(all) != 3 || all[1].Activity != Streamed || all[2].Inserted != 1 || all[2].Version != 1 {
		t.Errorf("while it streams: tables %+v", all)
	}
	load.WALBytes = 150
	c.Observe(SessionFailed{errors.New("a secret")})
	c.Observe(Connected{})
	if s := c.State(); s.WALBytes != 150 || s.Waited != time.Second || s.Stream != nil || s.Reconnects != 1 {
		t.Errorf("after the stream: %+v", s)
	}
}

func TestARegistryShowsTheNewestCaptureOfAConnectorAndThoseThatFailed(t *testing.T) {
	b := NewRegistry()
	first, second := newCapture("c"), newCapture("c")
	b.Put(first)
	b.Put(second)
	if b.Remove(first); b.Find("c") != second {
		t.Error("the end of an older task took a newer one's capture off")
	}
	idle := NewIdle(connector.TaskEnv{Connector: "c"}, map[string]string{}, nil)
	if b.PutIdle(idle); b.Find("c") != second {
		t.Error("a connector that does not run took a task's place")
	}
	second.Observe(TaskFailed{errors.New("it failed")})
	if b.Remove(second); b.Find("c") != second {
		t.Error("what failed is not shown")
	}
	b.Put(newCapture("a"))
	if all := b.All(); len(all) != 2 || all[0].Name() != "a" {
		t.Errorf("shown are %v", all)
	}
	b.Remove(b.Find("a"))
	other := NewIdle(connector.TaskEnv{Connector: "b"}, map[string]string{}, nil)
	b.PutIdle(other)
	if b.KeepIdle(map[string]bool{"b": true}); b.Find("b") != other {
		t.Error("a connector that does not run was taken off")
	}
	if b.KeepIdle(nil); b.Find("b") != nil || b.Find("c") == nil {
		t.Error("one that does not run stays, or one that failed does not")
	}
}

func TestWhatIsKnownOfATablesChangesOutlastsAMomentWithoutATask(t *testing.T) {
	b := NewRegistry()
	at := func(database string) *slot.View {
		return slot.ViewOf(&spec.Spec{Connection: pgrepl.Config{Host: "h", Database: database}})
	}
	run := func(v *slot.View) *Capture {
		c := NewCapture(connector.TaskEnv{Connector: "c"}, v)
		b.Put(c)
		return c
	}
	first := at("d")
	b.Remove(run(first))
	for range forgetViewAfter - 1 {
		b.KeepIdle(nil)
	}
	if b.views["c"] != first {
		t.Fatal("the view was forgotten within the time in which a task begins again")
	}
	// A task that has run since gets the time again.
	second := run(at("d"))
	b.KeepIdle(nil)
	b.Remove(second)
	for range forgetViewAfter - 1 {
		b.KeepIdle(nil)
	}
	if b.views["c"] == nil {
		t.Error("the time before a task that has run since is counted")
	}
	if b.KeepIdle(nil); b.views["c"] != nil || len(b.gone) != 0 {
		t.Error("the view of a connector that is gone stays")
	}
}

func TestWhatWasLostIsCountedAndShownThroughReconnectsAndRestartsUntilItIsAcknowledged(t *testing.T) {
	notes := map[string]json.RawMessage{}
	env := connector.TaskEnv{Connector: "c", Hide: func(s string) string { return strings.ReplaceAll(s, "secret", "***") },
		Notes: func() map[string]json.RawMessage { return maps.Clone(notes) },
		Note: func(_ context.Context, name string, note json.RawMessage) error {
			if notes[name] = note; note == nil {
				delete(notes, name)
			}
			return nil
		}}
	lost := Worked{Work: "encoding of events of public.a:b", Err: errors.New("the secret is bad"), Remedy: "Fix it."}
	keep := func(c *Capture) {
		t.Helper()
		if err := c.Losses.Keep(lost); err != nil {
			t.Fatal(err)
		}
	}
	c := NewCapture(env, nil)
	c.Observe(Connected{})
	keep(c)
	if len(KeptLosses(env)) != 1 {
		t.Errorf("the first is not durable at once: %v", notes)
	}
	c.Observe(Worked{Work: HeartbeatQuery, Err: errors.New("denied")})
	c.Observe(SessionFailed{Err: errors.New("gone")})
	c.Observe(Connected{})
	for range 200 {
		keep(c)
	}
	shown := func(c *Capture, n int64) {
		t.Helper()
		of := c.State().Background
		if n == 0 && len(of) == 0 {
			return
		}
		if len(of) != 1 || of[0].Failures != n || of[0].Reason != "the *** is bad" || !of[0].Lasts || of[0].Work != lost.Work {
			t.Errorf("shown is %+v, want %d", of, n)
		}
	}
	c.Observe(TaskFailed{Err: errors.New("for good")})
	shown(c, 201)
	ended, end := context.WithCancel(t.Context())
	end()
	c.Losses.Follow(ended)

	again := NewCapture(env, nil) // the next task, perhaps of another worker
	shown(again, 201)
	keep(again)
	again.Losses.Follow(ended)
	shown(again, 202)
	shown(NewIdle(env, nil, nil), 202)
	if n, err := Acknowledge(t.Context(), env, "another"); n != 0 || err != nil {
		t.Errorf("%d others were acknowledged: %v", n, err)
	}
	if n, err := Acknowledge(t.Context(), env, ""); n != 1 || err != nil {
		t.Errorf("%d were acknowledged: %v", n, err)
	}
	shown(again, 0)
	shown(NewCapture(env, nil), 0)
	keep(again)
	shown(again, 1)
}

func TestALossThatIsAcknowledgedIsNotShownAgainAndWhatComesAfterIsCountedAfresh(t *testing.T) {
	c := NewCapture(noted(), nil)
	lost := Worked{Work: "w", Err: errors.New("bad")}
	if err := c.Losses.Keep(lost); err != nil {
		t.Fatal(err)
	}
	acknowledge := func() {
		t.Helper()
		if n, err := Acknowledge(t.Context(), c.Losses.env, ""); n != 1 || err != nil {
			t.Errorf("%d were acknowledged: %v", n, err)
		}
	}
	acknowledge() // before anybody looked
	if shown := c.State().Background; len(shown) > 0 {
		t.Errorf("shown is %+v", shown)
	}
	for range 5 {
		if err := c.Losses.Keep(lost); err != nil {
			t.Fatal(err)
		}
	}
	c.Losses.Flush()
	acknowledge()
	c.Losses.Count(lost) // before anybody looked
	if shown := c.State().Background; len(shown) != 1 || shown[0].Failures != 1 {
		t.Errorf("shown is %+v", shown)
	}
}

func TestLossesAreCountedWithoutWaitingForTheirNotes(t *testing.T) {
	tries := 0
	env := noted()
	env.Note = func(context.Context, string, json.RawMessage) error { tries++; return errors.New("Kafka is away") }
	c := NewCapture(env, nil)
	for range 1000 {
		c.Losses.Count(Worked{Work: "w", Err: errors.New("bad")})
	}
	if shown := c.State().Background; tries > 0 || len(shown) != 1 || shown[0].Failures != 1000 {
		t.Errorf("after %d tries to note it, shown is %+v", tries, shown)
	}
	if err := c.Losses.Keep(Worked{Work: "left out", Err: errors.New("bad")}); err == nil || tries != 1 {
		t.Errorf("what must be durable ends after %d tries with %v", tries, err)
	}
}

func TestALongReasonIsShortenedToWhatANoteMayHave(t *testing.T) {
	env, longest := noted(), 0
	note := env.Note
	env.Note = func(ctx context.Context, name string, text json.RawMessage) error {
		longest = max(longest, len(text))
		return note(ctx, name, text)
	}
	c := NewCapture(env, nil)
	if err := c.Losses.Keep(Worked{Work: "w", Err: errors.New(strings.Repeat("<\x01é", 5000))}); err != nil {
		t.Fatal(err)
	}
	if longest == 0 || longest > longestNote {
		t.Errorf("the note has %d bytes", longest)
	}
}

func TestALossOfAnEarlierTaskIsCountedFurtherEvenIfNoMoreMayBeKnown(t *testing.T) {
	env := noted()
	for i := range mostLost {
		if err := NewLosses(env).Keep(Worked{Work: Work(fmt.Sprint(i)), Err: errors.New("bad")}); err != nil {
			t.Fatal(err)
		}
	}
	c := NewCapture(env, nil)
	c.Losses.Count(Worked{Work: "7", Err: errors.New("bad")})
	c.Losses.Count(Worked{Work: "one more", Err: errors.New("bad")})
	shown := c.State().Background
	at := slices.IndexFunc(shown, func(f BackgroundFailure) bool { return f.Work == "7" })
	if len(shown) != mostLost || at < 0 || shown[at].Failures != 2 {
		t.Errorf("%d are shown, the seventh is at %d", len(shown), at)
	}
}

// noted is an environment with notes.
func noted() connector.TaskEnv {
	notes := map[string]json.RawMessage{}
	return connector.TaskEnv{Connector: "c", Logger: slog.New(slog.DiscardHandler),
		Notes: func() map[string]json.RawMessage { return maps.Clone(notes) },
		Note: func(_ context.Context, name string, note json.RawMessage) error {
			if notes[name] = note; note == nil {
				delete(notes, name)
			}
			return nil
		}}
}

func TestLossesOfManyTablesAreShownOfSomeOnly(t *testing.T) {
	c := newCapture("c")
	for i := range 2 * mostLost {
		if err := c.Losses.Keep(Worked{Work: Work(fmt.Sprint(i)), Err: errors.New("bad")}); err != nil {
			t.Fatal(err)
		}
	}
	if shown := c.State().Background; len(shown) != mostLost {
		t.Errorf("%d are shown", len(shown))
	}
}
