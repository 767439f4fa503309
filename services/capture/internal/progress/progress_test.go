package progress

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

func position(commit, ordinal uint64) pgrepl.Position {
	return pgrepl.Position{SystemID: "7", Timeline: 1, Commit: at(commit), Ordinal: ordinal}
}

// model is a capture's progress in the plainest form: everything that was taken, a first part of it
// durable.
type model struct {
	begun   bool
	start   Checkpoint
	steps   []func(*Checkpoint)
	durable pgrepl.LSN
}

func (m *model) checkpoint() Checkpoint {
	c := m.start
	for _, step := range m.steps {
		step(&c)
	}
	return c
}

func (m *model) take(step func(*Checkpoint)) { m.steps = append(m.steps, step) }

func TestProgressIsThatOfAllThatWasTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p *Progress
		var m model
		commit, ordinal := uint64(rapid.IntRange(1, 100).Draw(t, "commit")), uint64(0)
		if rapid.Bool().Draw(t, "saved") {
			m = model{begun: true, start: Checkpoint{At: position(commit, 2), TxID: 3, SignalOffset: number(4)},
				durable: at(commit)}
			ordinal = 2
			p = Since(&m.start)
		} else {
			p = Since(nil)
		}
		move := func() pgrepl.Position {
			if forward := uint64(rapid.IntRange(0, 5).Draw(t, "forward")); forward > 0 {
				commit, ordinal = commit+forward, 0
			}
			ordinal += uint64(rapid.IntRange(0, 2).Draw(t, "ordinal"))
			return position(commit, ordinal)
		}
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				s := Step{At: move()}
				if rapid.Bool().Draw(t, "commits") {
					s.Committed = &Commit{TxID: rapid.Uint32().Draw(t, "xid"), CommitTime: rapid.Int64().Draw(t, "time")}
				}
				if rapid.Bool().Draw(t, "chunk") {
					s.Incremental = &Incremental{Rows: rapid.Int64().Draw(t, "rows")}
				}
				if rapid.Bool().Draw(t, "signal") {
					s.SignalOffset = number(rapid.Int64().Draw(t, "offset"))
				}
				m.begun = true
				m.take(func(c *Checkpoint) {
					c.At = s.At
					if s.Committed != nil {
						c.TxID, c.CommitTime = s.Committed.TxID, s.Committed.CommitTime
					}
					if s.Incremental != nil {
						c.Incremental = s.Incremental
					}
					if s.SignalOffset != nil {
						c.SignalOffset = s.SignalOffset
					}
				})
				if got := p.Take(s); !reflect.DeepEqual(got, m.checkpoint()) {
					t.Fatalf("took %+v\nto   %+v\nwant %+v", s, got, m.checkpoint())
				}
			},
			"rows": func(t *rapid.T) {
				s := &Snapshot{Xmin: rapid.Uint64().Draw(t, "xmin")}
				m.take(func(c *Checkpoint) { c.Snapshot = s })
				if rapid.Bool().Draw(t, "begin") {
					p.Reads(s)
				} else if got := p.Rows(s); !reflect.DeepEqual(got, m.checkpoint()) {
					t.Fatalf("rows to %+v\nwant %+v", got, m.checkpoint())
				}
			},
			"finish": func(t *rapid.T) {
				to := move()
				m.take(func(c *Checkpoint) { c.At, c.Snapshot = to, nil })
				if got := p.Finish(to); !reflect.DeepEqual(got, m.checkpoint()) {
					t.Fatalf("finished at %+v\nwant %+v", got, m.checkpoint())
				}
			},
			"deliver": func(*rapid.T) {
				p.Delivered()
				m.durable = m.checkpoint().At.Commit
			},
			"begin": func(t *rapid.T) {
				commit, ordinal = uint64(rapid.IntRange(1, 100).Draw(t, "begin"))+1, 0
				m = model{begun: true, start: Checkpoint{At: position(commit, 0)}}
				p.Begin(position(commit, 0))
			},
			"resume": func(t *rapid.T) {
				commit, ordinal = uint64(rapid.IntRange(1, 200).Draw(t, "resume")), uint64(rapid.IntRange(0, 3).Draw(t, "ordinal"))
				to := position(commit, ordinal)
				m.take(func(c *Checkpoint) { c.At = to })
				m.durable = min(m.durable, at(commit))
				p.Resume(to)
			},
			"": func(t *rapid.T) {
				if got := p.Checkpoint(); !reflect.DeepEqual(got, m.checkpoint()) {
					t.Fatalf("is %+v\nwant %+v", got, m.checkpoint())
				}
				if p.Durable() != m.durable || p.Durable() > p.Checkpoint().At.Commit {
					t.Fatalf("durable up to %s, want %s; taken up to %s", p.Durable(), m.durable, p.Checkpoint().At)
				}
				if p.Begun() != m.begun {
					t.Fatalf("begun: %v", p.Begun())
				}
			},
		})
	})
}

func TestAPositionOfTheStreamDoesNotGoBack(t *testing.T) {
	for _, before := range []pgrepl.Position{position(9, 0), position(10, 1)} {
		p := Since(&Checkpoint{At: position(10, 2)})
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a step from %s to %s was taken", p.Checkpoint().At, before)
				}
			}()
			p.Take(Step{At: before})
		}()
	}
}

func TestASnapshotAdvancesWithoutChangingTheOneBefore(t *testing.T) {
	first := (*Snapshot)(nil).Under(7)
	if !reflect.DeepEqual(first, &Snapshot{Xmin: 7}) {
		t.Fatalf("%+v", first)
	}
	if later := first.Under(9); later.Xmin != 7 {
		t.Errorf("what was read under xmin 7 goes on under %d", later.Xmin)
	}
	if unread := new(Snapshot).Under(9); unread.Xmin != 9 {
		t.Errorf("a snapshot that has read nothing goes on under %d, want the present one's 9", unread.Xmin)
	}
	table := &Table{Next: 5}
	second := first.Advance(map[string]*Table{"a": table, "b": nil})
	third := second.Advance(map[string]*Table{"a": nil})
	if len(first.Done)+len(first.Tables) != 0 || !reflect.DeepEqual(second,
		&Snapshot{Xmin: 7, Done: map[string]bool{"b": true}, Tables: map[string]*Table{"a": table}}) {
		t.Errorf("%+v, then %+v", first, second)
	}
	if !reflect.DeepEqual(third, &Snapshot{Xmin: 7, Done: map[string]bool{"a": true, "b": true},
		Tables: map[string]*Table{}}) {
		t.Errorf("then %+v", third)
	}
}

func TestAnIncrementalSnapshotGoesThroughItsTables(t *testing.T) {
	named := func(names ...string) (out []Collection) {
		for _, n := range names {
			out = append(out, Collection{Table: pgrepl.Table{Schema: "s", Name: n}})
		}
		return out
	}
	asked := Incremental{}.Ask("one", named("a", "b", "c"))
	if asked.Names() != "s.a,s.b,s.c" || asked.Signal != "one" || asked.Idle() {
		t.Fatalf("asked for %+v", asked)
	}
	read := asked.Read(10, key(text("5")), key(text("9"), nil)).Read(3, key(nil), key(text("9"), nil))
	if read.Rows != 13 || strings.Join(read.Last.Texts("-"), ",") != "-" ||
		strings.Join(read.Max.Texts("NULL"), ",") != "9,NULL" {
		t.Errorf("read %+v", read)
	}
	failure := errors.New("no key")
	second := read.End(failure)
	if second.Names() != "s.b,s.c" || second.Rows != 0 || second.Last != nil || second.Max != nil ||
		!reflect.DeepEqual(second.Ended, []EndedCollection{{Collection: named("a")[0], Rows: 13, Err: failure}}) {
		t.Errorf("then %+v", second)
	}
	if read.Names() != "s.a,s.b,s.c" || len(read.Ended) != 0 {
		t.Errorf("the progress before was changed to %+v", read)
	}
	stopped, names := second.Read(1, nil, nil).Stop(func(t pgrepl.Table) bool { return t.Name != "b" })
	if stopped.Names() != "s.b" || strings.Join(names, ",") != "s.c" || stopped.Rows != 1 || len(stopped.Ended) != 2 ||
		!stopped.Ended[1].Stopped {
		t.Errorf("a later table stopped: %+v, %v", stopped, names)
	}
	none, names := second.Stop(func(pgrepl.Table) bool { return true })
	if !none.Idle() || strings.Join(names, ",") != "s.b,s.c" || len(none.Ended) != 3 || none.Ended[1].Table.Name != "c" {
		t.Errorf("all stopped: %+v, %v", none, names)
	}
	if more := second.Ask("two", named("d")); more.Names() != "s.b,s.c,s.d" || len(more.Ended) != 1 {
		t.Errorf("asked for more: %+v", more)
	}
	if again := none.Ask("three", named("d")); again.Names() != "s.d" || len(again.Ended) != 0 || again.Signal != "three" {
		t.Errorf("asked again: %+v", again)
	}
}
