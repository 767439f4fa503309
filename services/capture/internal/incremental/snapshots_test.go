package incremental

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
	"github.com/calypso-cdc/calypso/services/capture/internal/notify"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/schemas"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// table is public.a (id int primary key, n int not null).
func table() *pgmodel.Relation {
	column := func(name, kind string, oid uint32) pgmodel.Column {
		return pgmodel.Column{Name: name, Type: &pgmodel.Type{OID: oid, Schema: "pg_catalog", Name: kind, Kind: pgmodel.BaseType,
			TypeMod: -1}, TypeMod: -1, NotNull: true, InIdentity: name == "id"}
	}
	return &pgmodel.Relation{OID: 1, Schema: "public", Name: "a", ReplicaIdentity: 'd', Key: []int{0},
		Columns: []pgmodel.Column{column("id", "int4", 23), column("n", "int4", 23)}}
}

func tuple(id, n string) pgmodel.Tuple {
	return pgmodel.Tuple{{Kind: pgmodel.Text, Data: []byte(id)}, {Kind: pgmodel.Text, Data: []byte(n)}}
}

// snapshots are those of a stream that reads tables, without a database: the test reads the chunks.
func snapshots(t *testing.T, tables ...string) (*Snapshots, *encode.Table, *buffer.Batch) {
	t.Helper()
	keys, err := spec.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	values, _, problems := keys.Parse(map[string]string{
		"name": "c", "connector.class": spec.Class, "database.hostname": "h", "database.user": "u", "database.password": "p",
		"database.dbname": "db", "topic.prefix": "x",
		"key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false",
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s, err := spec.Parse(values)
	if err != nil {
		t.Fatal(err)
	}
	rules := encode.Rules{Tables: s.Tables, Events: &s.Events}
	streamed, err := rules.Table(table())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	saved := new(progress.Incremental)
	for _, name := range tables {
		saved.Collections = append(saved.Collections, progress.Collection{Table: pgrepl.Table{Schema: "public", Name: name}})
	}
	n := New(t.Context(), Deps{
		Spec: s, Events: &s.Events, Tables: encode.NewCache(rules), Buffer: buffer.New(pgrepl.Position{}, 100, 1<<20),
		Notifier:      notify.New(s, log),
		Observer:      schemas.Observer{History: history.New(), Events: &s.Events},
		Unprocessable: func(_ string, _ pgrepl.LSN, err error) error { return err }, Log: log,
	}, saved)
	return n, streamed, n.d.Buffer.Fill()
}

// answer takes the request for a chunk and answers it with rows of the ids.
func (n *Snapshots) answer(t *testing.T, ids ...string) (id string) {
	t.Helper()
	select {
	case req := <-n.requests:
		c := &Chunk{id: req.id, rel: table()}
		for _, one := range ids {
			c.Lines = append(c.Lines, []byte(one+"\t1\n"))
			c.Last, c.Max = progress.Key{&one}, progress.Key{&ids[len(ids)-1]}
		}
		n.ready = c
		return req.id
	default:
		t.Fatal("no chunk is asked for")
	}
	return ""
}

func delivered(b *buffer.Batch) (ids []string) {
	for _, r := range b.Events.Records {
		ids = append(ids, string(r.Key))
	}
	return ids
}

func mark(t *testing.T, n *Snapshots, b *buffer.Batch, text string) {
	t.Helper()
	if err := n.Marked(b, []byte(text), 7); err != nil {
		t.Fatal(err)
	}
}

func TestAChunkLeavesOutWhatChangedBetweenItsMarks(t *testing.T) {
	n, streamed, b := snapshots(t, "a")
	id := n.answer(t, "1", "2", "3", "4")
	n.Changed(streamed, nil, tuple("1", "2")) // before the first mark: the chunk may have read it before or after
	mark(t, n, b, "of another session-open")
	mark(t, n, b, id+"-open")
	n.Changed(streamed, tuple("2", "1"), nil)
	n.Changed(streamed, tuple("9", "1"), tuple("3", "2")) // the key changes
	mark(t, n, b, "of another session-close")
	mark(t, n, b, id+"-close")
	if got := strings.Join(delivered(b), " "); got != `{"id":1} {"id":4}` {
		t.Errorf("delivered %s, want 1 and 4", got)
	}
	if p := n.Progress(); b.Summary.Incremental != p || p.Rows != 4 || *p.Last[0] != "4" || len(p.Collections) != 1 {
		t.Errorf("the progress is %+v", p)
	}
	if len(b.Summary.Versions) != 1 {
		t.Errorf("%d versions of the table, want its first", len(b.Summary.Versions))
	}
	if len(n.requests) != 1 {
		t.Error("the next chunk is not asked for")
	}
}

func TestAChunkOfATableThatIsTruncatedBetweenItsMarksDeliversNothing(t *testing.T) {
	n, streamed, b := snapshots(t, "a")
	id := n.answer(t, "1", "2")
	n.Truncated(streamed) // before the first mark: the chunk was read after it
	mark(t, n, b, id+"-open")
	mark(t, n, b, id+"-close")
	if got := strings.Join(delivered(b), " "); got != `{"id":1} {"id":2}` {
		t.Errorf("delivered %s, want 1 and 2", got)
	}
	id = n.answer(t, "3", "4")
	mark(t, n, b, id+"-open")
	n.Truncated(streamed)
	mark(t, n, b, id+"-close")
	if got := delivered(b); len(got) != 2 {
		t.Errorf("rows that a truncate had removed came after it: %v", got[2:])
	}
}

func TestTheSameMarkTwiceDeliversNothingTwice(t *testing.T) {
	n, _, b := snapshots(t, "a")
	id := n.answer(t, "1")
	for range 2 {
		mark(t, n, b, id+"-open")
		mark(t, n, b, id+"-close")
	}
	if got := delivered(b); len(got) != 1 {
		t.Errorf("delivered %v", got)
	}
}

func TestATableEndsWithItsLastChunkOrItsFailureAndTheNextBegins(t *testing.T) {
	n, _, b := snapshots(t, "a", "b")
	id := n.answer(t)
	mark(t, n, b, id+"-open")
	mark(t, n, b, id+"-close")
	if p := n.Progress(); p.Names() != "public.b" || len(p.Ended) != 1 || p.Ended[0].Err != nil {
		t.Errorf("after an empty chunk %+v", p)
	}
	id = n.answer(t)
	failure := errors.New("no such column")
	n.ready.err = failure
	mark(t, n, b, id+"-open")
	mark(t, n, b, id+"-close")
	if p := n.Progress(); !p.Idle() || len(p.Ended) != 2 || p.Ended[1].Err != failure {
		t.Errorf("after a failure %+v", p)
	}
	if len(n.requests) != 0 || len(delivered(b)) != 0 {
		t.Errorf("%d chunks are asked for, %v delivered", len(n.requests), delivered(b))
	}
}

func TestAnEventThatCannotBeMadeIsLeftOutAloneWhereTheConfigurationHasItSo(t *testing.T) {
	for name, c := range map[string]struct {
		answer error
		want   int
	}{"left out": {nil, 2}, "refused": {errors.New("refused"), 1}} {
		n, _, b := snapshots(t, "a")
		n.d.Unprocessable = func(string, pgrepl.LSN, error) error { return c.answer }
		id := n.answer(t, "1", "2", "3")
		n.ready.Lines[1] = []byte("2\tno number\n")
		mark(t, n, b, id+"-open")
		err := n.Marked(b, []byte(id+"-close"), 7)
		if got := delivered(b); !errors.Is(err, c.answer) || len(got) != c.want {
			t.Errorf("%s: delivered %v, %v", name, got, err)
		}
	}
}
