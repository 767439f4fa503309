package slot

import (
	"fmt"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

func TestATableIsUnreadFromWhenItWasSeenToChangeUntilTheLogOfThatTimeIsDurable(t *testing.T) {
	var c counts
	start := time.Unix(1000, 0)
	look := func(second int, end pgrepl.LSN, rows map[string]int64) {
		c.observe(start.Add(time.Duration(second)*time.Second), rows, rows, end)
	}
	shown := func(durable pgrepl.LSN) string {
		text := ""
		for _, u := range c.unread(durable) {
			text += fmt.Sprintf("%s %g %d;", u.Table, u.Since.Sub(start).Seconds(), u.End)
		}
		return text
	}
	look(0, 100, map[string]int64{"a": 7, "idle": 9}) // of what was before nothing is known
	if got := shown(0); got != "" {
		t.Errorf("after the first look %s are unread", got)
	}
	look(10, 200, map[string]int64{"a": 8, "idle": 9, "new": 1})
	look(20, 300, map[string]int64{"a": 9, "idle": 9, "new": 1})
	if got := shown(150); got != "a 5 200;new 5 200;" {
		t.Errorf("unread are %s", got)
	}
	if got := shown(200); got != "a 15 300;" {
		t.Errorf("with what came first in Kafka unread are %s", got)
	}
	look(30, 400, map[string]int64{"a": 2, "idle": 9}) // statistics were reset
	if got := shown(300); got != "" {
		t.Errorf("after all was read %s are unread", got)
	}
	for n := range 100 {
		look(40+n, pgrepl.LSN(500+n), map[string]int64{"a": int64(10 + n)})
	}
	if got := shown(499); got != "a 35 500;" {
		t.Errorf("of a table that changes all the time unread is %s", got)
	}
	if n := len(c.moves["a"]); n > maxMoves {
		t.Errorf("%d looks are kept", n)
	}
	if got := shown(599); got != "" {
		t.Errorf("with all in Kafka unread are %s", got)
	}
}

func TestChangesOfAPartitionAreItsOwnAndItsRoots(t *testing.T) {
	table := func(name string) pgrepl.Table { return pgrepl.Table{Schema: "public", Name: name} }
	all := []pgrepl.Changed{{Table: table("p1"), Root: table("p"), Rows: 2}, {Table: table("p2"), Root: table("p"), Rows: 3},
		{Table: table("left"), Rows: 4}}
	got := captured(all, func(t pgrepl.Table) bool { return t.Name == "p" || t.Name == "p2" })
	if len(got) != 2 || got["public.p"] != 5 || got["public.p2"] != 3 {
		t.Errorf("counted are %v", got)
	}
}

func TestATableThatIsCapturedNewlyIsNotUnreadByThat(t *testing.T) {
	var c counts
	start := time.Unix(1000, 0)
	all := map[string]int64{"a": 7, "countries": 250}
	c.observe(start, all, map[string]int64{"a": 7}, 100)
	c.observe(start.Add(5*time.Second), all, all, 200)
	if got := c.unread(0); len(got) != 0 {
		t.Errorf("unread are %v, of which none has changed", got)
	}
	c.observe(start.Add(10*time.Second), map[string]int64{"a": 7, "countries": 251},
		map[string]int64{"a": 7, "countries": 251}, 300)
	if got := c.unread(0); len(got) != 1 || got[0].Table != "countries" {
		t.Errorf("unread are %v, want countries, which has changed", got)
	}
}

func TestAViewGoesOnWithWhatAnEarlierOneOfTheSameSlotHasCounted(t *testing.T) {
	view := func(slot, database string) *View {
		s := &spec.Spec{Connection: pgrepl.Config{Host: "h", Port: 5432, Database: database}}
		s.Slot.Name = slot
		return ViewOf(s)
	}
	earlier := view("s", "d")
	start := time.Unix(1000, 0)
	for i, rows := range []int64{1, 2} {
		known := map[string]int64{"orders": rows}
		earlier.counts.observe(start.Add(time.Duration(i)*time.Second), known, known, pgrepl.LSN(i+1))
	}
	for _, c := range []struct {
		name   string
		later  *View
		unread int
	}{
		{"the same slot", view("s", "d"), 1}, {"another slot", view("t", "d"), 0}, {"another database", view("s", "e"), 0},
	} {
		c.later.Follow(earlier)
		if all, _ := c.later.Unread(0); len(all) != c.unread {
			t.Errorf("%s: unread are %v", c.name, all)
		}
	}
}
