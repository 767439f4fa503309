package poll

import (
	"fmt"
	"testing"
)

func TestColumnsThatMayHaveNULLAlthoughTheyAreNotNullAreDoubtful(t *testing.T) {
	sure, doubtful, free := column{name: "sure", notNull: true, neverNull: true}, column{name: "doubtful", notNull: true},
		column{name: "free"}
	for name, c := range map[string]struct {
		columns []column
		stamps  []int
		number  int
		want    string
	}{
		"numbers":                           {[]column{sure}, nil, 0, "[]"},
		"numbers of a domain":               {[]column{doubtful}, nil, 0, "[doubtful]"},
		"times of a domain":                 {[]column{doubtful, free}, []int{0, 1}, -1, "[doubtful]"},
		"times of a domain and a sure one":  {[]column{doubtful, sure}, []int{0, 1}, -1, "[]"},
		"times that may have NULL, as said": {[]column{free}, []int{0}, -1, "[]"},
	} {
		if got := fmt.Sprint((&source{columns: c.columns, stamps: c.stamps, number: c.number}).doubtful()); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
