package row

import (
	"fmt"
	"slices"
	"testing"
)

func TestWhatAnEncoderKeepsForASchemaIsBoundedHoweverManyATableHadOneAfterTheOther(t *testing.T) {
	const versions = 410
	e := NewEncoder(Config{}, orders("id: int"))
	fields := `{"field":"id","type":"int32"}`
	for n := range versions {
		fields += fmt.Sprintf(`,{"field":"c%d","type":"string","optional":true}`, n)
		for range 2 {
			encode(t, e, fmt.Appendf(nil, `{"schema":{"type":"struct","fields":[%s]},"payload":{"id":1}}`, fields))
		}
		if len(e.plans) > maxPlans || len(e.splitter.known) > maxKnownSchemas || cap(e.splitter.known) > 4*maxKnownSchemas {
			t.Fatalf("after %d versions %d plans and %d schemas in room for %d are kept", n+1, len(e.plans),
				len(e.splitter.known), cap(e.splitter.known))
		}
	}
	for schema := range e.plans {
		if !slices.Contains(e.splitter.known, schema) {
			t.Fatalf("of %d plans one is kept for a schema that is forgotten", len(e.plans))
		}
	}
}
