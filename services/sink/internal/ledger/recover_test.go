package ledger

import "testing"

func TestAPartitionGoesOnWhereTheFirstGapBetweenItsLastCutsIs(t *testing.T) {
	const topic = "AAAAAAAAAAAAAAAAAAAAAA=="
	cut := func(first, end int64) Cut { return Cut{First: first, End: end} }
	many := []Cut{cut(0, 10)} // a gap that is further back than anything that was open
	for i := range int64(500) {
		many = append(many, cut(20+i, 21+i))
	}
	for name, c := range map[string]struct {
		taken     []Cut
		committed int64
		cuts      string
	}{
		"without gaps":             {[]Cut{cut(10, 20), cut(0, 10), cut(20, 35)}, 35, ""},
		"one gap":                  {[]Cut{cut(0, 10), cut(20, 35), cut(35, 36)}, 10, "a,f,1"},
		"gaps":                     {[]Cut{cut(0, 10), cut(12, 20), cut(25, 30)}, 10, "2,8,5,5"},
		"after an earlier reading": {[]Cut{cut(0, 10), cut(5, 15), cut(15, 20), cut(22, 30)}, 20, "2,8"},
		"twice the same":           {[]Cut{cut(0, 10), cut(0, 10), cut(10, 20)}, 20, ""},
		"far back":                 {many, 520, ""},
		"from the middle on":       {[]Cut{cut(100, 110)}, 110, ""},
	} {
		l := Recover(topic, c.taken)
		if l.Committed() != c.committed || l.Metadata() != "calypso3:"+topic+":"+c.cuts {
			t.Errorf("%s: offset %d with %s, want %d with %s", name, l.Committed(), l.Metadata(), c.committed, c.cuts)
		}
	}
	if Recover(topic, nil) != nil {
		t.Error("something was found in nothing")
	}
}
