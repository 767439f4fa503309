package history

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// table reads a description: "FULL id:1:integer:key1 note:2:text?": identity, then name, number,
// type, ? if optional, place in the key.
func table(t testing.TB, oid uint32, text string) Description {
	t.Helper()
	fields := strings.Fields(text)
	d := Description{OID: oid, ReplicaIdentity: fields[0]}
	for _, f := range fields[1:] {
		parts := strings.Split(f, ":")
		c := Column{Name: parts[0], Type: strings.ReplaceAll(strings.TrimSuffix(parts[2], "?"), "_", " "),
			Optional: strings.HasSuffix(parts[2], "?")}
		if _, err := fmt.Sscan(parts[1], &c.Number); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if len(parts) > 3 {
			if _, err := fmt.Sscanf(parts[3], "key%d", &c.Key); err != nil {
				t.Fatalf("%s: %v", f, err)
			}
		}
		d.Columns = append(d.Columns, c)
	}
	return d
}

func point(commit, ordinal int) Point {
	return Point{At: pgrepl.Position{SystemID: "s", Timeline: 1, Commit: pgrepl.LSN(commit), Ordinal: uint64(ordinal)},
		LSN: pgrepl.LSN(commit - 1), Time: time.Unix(int64(commit), 0).UTC()}
}

func TestEachChangeOfATableIsNamedAndJudged(t *testing.T) {
	const before = "DEFAULT id:1:integer:key1 note:2:text? amount:3:numeric(10,2) code:4:character_varying(10)"
	for _, c := range []struct{ name, after, want string }{
		{"nothing", before, "first version"},
		{"another order", "DEFAULT note:2:text? amount:3:numeric(10,2) id:1:integer:key1 code:4:character_varying(10)",
			"first version"},
		{"optional column added", before + " x:5:jsonb?", "compatible: column x jsonb added"},
		{"required column added", before + " x:5:integer", "compatible: column x integer added"},
		{"column dropped", "DEFAULT id:1:integer:key1 amount:3:numeric(10,2) code:4:character_varying(10)",
			"breaking: column note text dropped"},
		{"column renamed", strings.Replace(before, "note:2", "remark:2", 1), "breaking: column note renamed to remark"},
		{"column renamed that the catalog no longer knows", strings.Replace(before, "note:2", "remark:0", 1),
			"breaking: column note text dropped; column remark text added"},
		{"names swapped", "DEFAULT id:1:integer:key1 code:2:text? amount:3:numeric(10,2) note:4:character_varying(10)",
			"breaking: column note renamed to code; column code renamed to note"},
		{"dropped and added again", strings.Replace(before, "note:2", "note:9", 1), "first version"},
		{"dropped and added with another type", strings.Replace(before, "note:2:text?", "note:9:bytea?", 1),
			"breaking: column note changed from text to bytea"},
		{"integer widened", strings.Replace(before, "id:1:integer", "id:1:bigint", 1),
			"compatible: column id changed from integer to bigint"},
		{"integer narrowed", strings.Replace(before, "id:1:integer", "id:1:smallint", 1),
			"breaking: column id changed from integer to smallint"},
		{"numeric of more digits", strings.Replace(before, "(10,2)", "(12,2)", 1),
			"compatible: column amount changed from numeric(10,2) to numeric(12,2)"},
		{"numeric of another scale", strings.Replace(before, "(10,2)", "(12,3)", 1),
			"breaking: column amount changed from numeric(10,2) to numeric(12,3)"},
		{"numeric without a scale", strings.Replace(before, "numeric(10,2)", "numeric", 1),
			"breaking: column amount changed from numeric(10,2) to numeric"},
		{"text of another length", strings.Replace(before, "varying(10)", "varying(5)", 1),
			"compatible: column code changed from character varying(10) to character varying(5)"},
		{"text made unlimited", strings.Replace(before, "character_varying(10)", "text", 1),
			"compatible: column code changed from character varying(10) to text"},
		{"text made an array", strings.Replace(before, "character_varying(10)", "character_varying(10)[]", 1),
			"breaking: column code changed from character varying(10) to character varying(10)[]"},
		{"became optional", strings.Replace(before, "numeric(10,2)", "numeric(10,2)?", 1),
			"breaking: column amount changed from required to optional"},
		{"became required", strings.Replace(before, "text?", "text", 1),
			"compatible: column note changed from optional to required"},
		{"key extended", before + ":key2", "breaking: key changed from (id) to (id, code)"},
		{"key lost", strings.Replace(before, ":key1", "", 1), "breaking: key changed from (id) to ()"},
		{"key turned over", "DEFAULT id:1:integer:key2 note:2:text? amount:3:numeric(10,2) code:4:character_varying(10):key1",
			"breaking: key changed from (id) to (code, id)"},
		{"key column renamed", strings.Replace(before, "id:1", "oid:1", 1), "breaking: column id renamed to oid"},
		{"identity full", strings.Replace(before, "DEFAULT", "FULL", 1),
			"compatible: replica identity changed from DEFAULT to FULL"},
		{"identity nothing", strings.Replace(before, "DEFAULT", "NOTHING", 1),
			"breaking: replica identity changed from DEFAULT to NOTHING"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := New()
			h.Observe("public.t", table(t, 7, before), point(10, 0))
			v, fresh := h.Observe("public.t", table(t, 7, c.after), point(20, 3))
			if fresh != (c.want != "first version") || v.Summary() != c.want {
				t.Errorf("version %d, new %t: %q, want %q", v.Number, fresh, v.Summary(), c.want)
			}
			if fresh && (v.Number != 2 || v.From != point(20, 3)) {
				t.Errorf("version %d from %+v, want 2 from the second observation", v.Number, v.From)
			}
		})
	}
}

func TestAColumnKeepsItsNumberWhereTheCatalogWasReadTooLate(t *testing.T) {
	h := New()
	h.Observe("public.t", table(t, 7, "DEFAULT id:1:integer:key1 a:2:text?"), point(10, 0))
	h.Observe("public.t", table(t, 7, "DEFAULT id:1:integer:key1 a:0:text? x:3:text?"), point(20, 1))
	v, _ := h.Observe("public.t", table(t, 7, "DEFAULT id:1:integer:key1 b:2:text? x:3:text?"), point(30, 1))
	if got := v.Summary(); got != "breaking: column a renamed to b" {
		t.Errorf("changes are %q, want a renamed column", got)
	}
}

func TestATableThatTookAnothersNameIsComparedByNamesOnly(t *testing.T) {
	h := New()
	h.Observe("public.t", table(t, 7, "DEFAULT id:1:integer:key1 a:2:text?"), point(10, 0))
	v, _ := h.Observe("public.t", table(t, 8, "DEFAULT id:1:integer:key1 b:2:text?"), point(20, 1))
	if got := v.Summary(); got != "breaking: column a text dropped; column b text added" {
		t.Errorf("changes are %q: columns of two tables have been taken for the same by their numbers", got)
	}
}

func TestWhatTheStreamBringsAgainGetsItsNumberAgain(t *testing.T) {
	descriptions := []string{"DEFAULT id:1:integer:key1", "DEFAULT id:1:integer:key1 a:2:text?",
		"DEFAULT id:1:bigint:key1 a:2:text?"}
	observe := func(h *History, from int) []*Version {
		var fresh []*Version
		for i := from; i < len(descriptions); i++ {
			if v, isNew := h.Observe("public.t", table(t, 7, descriptions[i]), point(10*(i+1), i)); isNew {
				fresh = append(fresh, v)
			}
		}
		return fresh
	}
	h := New()
	all := observe(h, 0)
	if len(all) != 3 {
		t.Fatalf("%d versions, want 3", len(all))
	}
	for _, c := range []struct {
		name string
		at   pgrepl.Position
		left int
	}{
		{"before everything but the snapshot", point(10, 0).At, 1},
		{"in the middle of the transaction, before the change", point(20, 0).At, 1},
		{"in the middle of the transaction, after the change", point(20, 1).At, 2},
		{"at the end", point(99, 0).At, 3},
		{"on another server", pgrepl.Position{SystemID: "other", Commit: 1}, 3},
	} {
		h := New()
		for _, v := range all {
			h.Apply(v)
		}
		h.Rewind(c.at)
		if last := h.Latest("public.t"); last == nil || last.Number != c.left {
			t.Errorf("%s: the last version is %v, want %d", c.name, last, c.left)
		}
		if again := observe(h, c.left); !reflect.DeepEqual(again, all[c.left:]) && len(again)+len(all[c.left:]) > 0 {
			t.Errorf("%s: observed again as %v, want %v", c.name, again, all[c.left:])
		}
	}
}

func TestAVersionThatIsWrittenAgainVoidsWhatFollowedIt(t *testing.T) {
	h := New()
	for n := range 4 {
		h.Apply(&Version{Table: "public.t", Number: n + 1})
	}
	again := &Version{Table: "public.t", Number: 2, Description: Description{ReplicaIdentity: "FULL"}}
	h.Apply(again)
	if got := h.Newest("public.t", 10); len(got) != 2 || got[0] != again {
		t.Errorf("versions are %v, want the second, written again, and the first", got)
	}
}

func TestTheNewestOfSeveralTablesComeFirst(t *testing.T) {
	h := New()
	for i, name := range []string{"public.b", "public.a", "public.c"} {
		h.Observe(name, table(t, uint32(i), "DEFAULT id:1:integer"), point(10, 0))
	}
	h.Observe("public.b", table(t, 0, "DEFAULT id:1:bigint"), point(20, 1))
	show := func(versions []*Version) string {
		var b strings.Builder
		for _, v := range versions {
			fmt.Fprintf(&b, "%s/%d ", strings.TrimPrefix(v.Table, "public."), v.Number)
		}
		return b.String()
	}
	if got := show(h.Newest("", 10)); got != "b/2 a/1 b/1 c/1 " {
		t.Errorf("all: %s", got)
	}
	if got := show(h.Newest("", 2)); got != "b/2 a/1 " {
		t.Errorf("two: %s", got)
	}
	if got := show(h.Newest("public.b", 1)); got != "b/2 " {
		t.Errorf("of one table: %s", got)
	}
	if got := show(h.Newest("public.none", 1)); got != "" {
		t.Errorf("of none: %s", got)
	}
}

func TestGeneratedColumnsAreLeftOut(t *testing.T) {
	rel := &pgmodel.Relation{OID: 7, ReplicaIdentity: 'i',
		Columns: []pgmodel.Column{{Name: "id", Declared: "integer", NotNull: true, Number: 1}, {Name: "g", Generated: true}}}
	d := Describe(rel, []debezium.EventColumn{{Column: &rel.Columns[0], KeyPosition: 1}, {Column: &rel.Columns[1]}})
	want := Description{OID: 7, ReplicaIdentity: "INDEX",
		Columns: []Column{{Name: "id", Type: "integer", Key: 1, Number: 1}}}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("%+v, want %+v", d, want)
	}
}

// TestAnyHistoryIsReadAsItWasWritten writes versions as they are observed, restarts anywhere, and
// reads what was written.
func TestAnyHistoryIsReadAsItWasWritten(t *testing.T) {
	column := rapid.Custom(func(t *rapid.T) Column {
		return Column{Name: rapid.SampledFrom([]string{"a", "b", "c", "ü.\""}).Draw(t, "name"),
			Type:     rapid.SampledFrom([]string{"integer", "text"}).Draw(t, "type"),
			Optional: rapid.Bool().Draw(t, "optional"), Number: int16(rapid.IntRange(0, 3).Draw(t, "number"))}
	})
	rapid.Check(t, func(t *rapid.T) {
		live, at := New(), 10
		var written [][]byte
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			if rapid.IntRange(0, 4).Draw(t, "restart") == 0 {
				live = New()
				for _, record := range written {
					v := new(Version)
					if err := json.Unmarshal(record, v); err != nil {
						t.Fatal(err)
					}
					live.Apply(v)
				}
				at = rapid.IntRange(1, at).Draw(t, "from")
				live.Rewind(point(at, 0).At)
				continue
			}
			at++
			name := rapid.SampledFrom([]string{"public.t", "public.u"}).Draw(t, "table")
			d := Description{OID: 1, ReplicaIdentity: "DEFAULT",
				Columns: rapid.SliceOfNDistinct(column, 1, 3, func(c Column) string { return c.Name }).Draw(t, "columns")}
			numbers := map[int16]bool{}
			for i := range d.Columns {
				// no two columns of a table have one number (pg_attribute.attnum); 0 is one that is
				// not known
				if n := &d.Columns[i].Number; numbers[*n] {
					*n = 0
				} else {
					numbers[*n] = true
				}
			}
			v, fresh := live.Observe(name, d, point(at, 1))
			if last := live.Latest(name); last != v {
				t.Fatalf("the version observed is not the last")
			}
			if again, isNew := live.Observe(name, d, point(at, 2)); isNew {
				t.Fatalf("the same description is a version of its own: %s", again.Summary())
			}
			if fresh {
				record, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				written = append(written, record)
			}
		}
		read := New()
		for _, record := range written {
			v := new(Version)
			if err := json.Unmarshal(record, v); err != nil {
				t.Fatal(err)
			}
			read.Apply(v)
		}
		for table, versions := range live.tables {
			for i, v := range versions {
				if v.Number != i+1 {
					t.Fatalf("version %d of table %s has number %d", i+1, table, v.Number)
				}
				if !reflect.DeepEqual(read.tables[table][i], v) {
					t.Fatalf("version %d of table %s is read as %+v, was %+v", v.Number, table, read.tables[table][i], v)
				}
			}
		}
	})
}
