package sink

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/calypso-cdc/calypso/libs/contain"
)

func TestAPanicInAnyGoroutineOfASinkFailsItsTaskAndLosesNothing(t *testing.T) {
	for _, name := range []string{"partition", "delivery of a batch", "committer", "poll of records",
		"assignment of partitions"} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t, 2, nil)
			s.produce(1, 101, 2)
			end := contain.Inject(name)
			defer end()
			if err := s.start().failure(t); !strings.Contains(err.Error(), name+" panicked") ||
				!strings.Contains(err.Error(), ".go:") {
				t.Errorf("the failure is %v, want the panic with its stack", err)
			}
			end()
			// A member that nobody is would hold the next one's partitions back until its session ends.
			group := "connect-" + s.name
			described, err := kadm.NewClient(s.kafka).DescribeGroups(t.Context(), group)
			if err != nil || len(described[group].Members) > 0 {
				t.Errorf("the group still has the members %v (%v)", described[group].Members, err)
			}
			s.start()
			s.holds(101)
		})
	}
}
