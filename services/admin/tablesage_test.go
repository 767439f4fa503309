package admin

import "testing"

// What a table lacks, and its last change, by which the changes are known that a killed sink has not
// got, are to be told at the next look.
func TestEachLookAsksForTheTablesOfAPipelineUnlessTheyAreHundreds(t *testing.T) {
	for _, tables := range []int{0, 1, 300} {
		if age := tablesAge(tables); age >= observeInterval {
			t.Errorf("the list of %d tables is kept for %s, longer than from one look to the next", tables, age)
		}
	}
	if few, many := tablesAge(300), tablesAge(2000); many <= few || tablesAge(1<<20) > 6*observeInterval {
		t.Errorf("the list of 2,000 tables is kept for %s, that of 300 for %s, that of a million for %s", many, few,
			tablesAge(1<<20))
	}
}
