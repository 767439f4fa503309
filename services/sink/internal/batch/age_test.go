package batch

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

func TestRowsThatWereProducedTogetherHaveTheAgeOfTheFirst(t *testing.T) {
	e := row.NewEncoder(row.Config{Unwrap: true}, row.Target{})
	at := func(produced, committed int64, op string) *kgo.Record {
		return &kgo.Record{Timestamp: time.UnixMilli(produced),
			Value: fmt.Appendf(nil, `{"before":null,"after":{"id":1},"source":{"ts_ms":%d},"op":"%s"}`, committed, op)}
	}
	var c ageGroups
	for _, r := range []*kgo.Record{at(1000, 100, "c"), at(1000, 900, "c"), at(2000, 1500, "u"), at(3000, 1, "r")} {
		c.Add(e, r)
	}
	var a Ages
	now := time.UnixMilli(10_000)
	a.Visible(now, c)
	committed, produced := a.Committed.Distribution(now).Message(), a.Produced.Distribution(now).Message()
	if committed.Count != 3 || committed.Max.AsDuration() < 9900*time.Millisecond ||
		committed.P50.AsDuration() < 9900*time.Millisecond {
		t.Errorf("from the commit: %v", committed)
	}
	if produced.Count != 4 || produced.Max.AsDuration() < 9*time.Second || produced.Max.AsDuration() > 10*time.Second {
		t.Errorf("from the production: %v", produced)
	}
}

func TestABatchOfManyAgeGroupsKeepsEveryRowAndMakesNoneYounger(t *testing.T) {
	e := row.NewEncoder(row.Config{Unwrap: true}, row.Target{})
	var c ageGroups
	const rows = 10_000
	for i := range int64(rows) {
		op := "c"
		if i%3 == 0 {
			op = "r"
		}
		c.Add(e, &kgo.Record{Timestamp: time.UnixMilli(i),
			Value: fmt.Appendf(nil, `{"before":null,"after":{"id":1},"source":{"ts_ms":%d},"op":"%s"}`, i, op)})
	}
	var all, dated int64
	for i, one := range c.All {
		all, dated = all+one.rows, dated+one.Dated
		if i == 0 {
			continue
		}
		// Rows are as old as the first that has a commit time, which is none of the next group's.
		before := c.All[i-1]
		if one.Produced.Before(before.Produced) || before.Dated > 0 && before.Committed.After(one.Produced) {
			t.Errorf("cohort %d is %v", i, one)
		}
	}
	if len(c.All) > maxAgeGroups || all != rows || dated < rows/2 || dated > rows {
		t.Errorf("%d age groups of %d rows, %d of them with a commit time", len(c.All), all, dated)
	}
}
