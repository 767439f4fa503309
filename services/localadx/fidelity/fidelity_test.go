package fidelity

import (
	"strings"
	"testing"
)

func TestTraitsAreNamedAllTogetherOrWithoutSome(t *testing.T) {
	for text, want := range map[string]int{"": 0, "redelivery": 1, "all": len(Traits()),
		"all,-skipped-as-failed": len(Traits()) - 1, "redelivery,-redelivery": 0} {
		set, err := Parse(strings.FieldsFunc(text, func(r rune) bool { return r == ',' }))
		if err != nil || len(set) != want {
			t.Errorf("%q: %v, %v", text, set, err)
		}
	}
	set, err := Parse([]string{"all", "-two-queues"})
	if err != nil || set.Has(TwoQueues) || !set.Has(Redelivery) {
		t.Errorf("%v, %v", set, err)
	}
	for _, wrong := range []string{"none", "-none", "-"} {
		if _, err := Parse([]string{wrong}); err == nil || !strings.Contains(err.Error(), "rotating-storage") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
