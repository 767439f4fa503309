package sink

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/contain/containtest"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// goroutines are those of a running sink, in which a panic ends its task.
var goroutines = []string{
	"poll of records", "partition", "delivery of a batch", "committer", "assignment of partitions",
	"count of dead letters", "look for doubled batches", "count of partitions", "discovery of topics",
	"watch of open transactions", "look for batches of ", "note that offsets are committed", "watch of a call",
	"look for the records of noted batches", "recall of columns without a field", "time of the last rows",
	"call of the ingestion SDK", "look at a table", "wait of a record", noteOfRetyped,
}

const noteOfRetyped = "note of columns that were retyped"

// leaving are those in which a member gives its partitions back.
var leaving = []string{"revocation of partitions", "loss of partitions", "end of a partition"}

// aside are those whose panic leaves the task alone.
var aside = []string{"look for records that nobody has read", "look for a record that nobody has read",
	"the reading of an answer"}

func TestAPanicInAnyGoroutineOfASinkFailsItsTaskAndLosesNothing(t *testing.T) {
	for _, name := range goroutines {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t, 2, map[string]string{"errors.deadletterqueue.topic.replication.factor": "1"})
			s.config["errors.deadletterqueue.topic.name"] = s.topic + "-dead"
			if name == "discovery of topics" {
				delete(s.config, "topics")
				s.config["topics.regex"] = s.topic
			}
			if strings.HasSuffix(name, " ") {
				name += s.topic
			}
			s.produce(1, 101, 2)
			if name == "look for the records of noted batches" {
				s.note(0, "calypso3:"+s.topicID()+":3,6")
			}
			end, next := contain.Inject(name), 101
			defer end()
			r := s.start()
			if name == noteOfRetyped {
				next = s.retypes(r, next)
			}
			if err := r.failure(t); !strings.Contains(err.Error(), name+" panicked") ||
				!strings.Contains(err.Error(), ".go:") {
				t.Errorf("the failure is %v, want the panic with its stack", err)
			}
			end()
			// A member that nobody is would hold the next one's partitions back until its session ends.
			group := "connect-" + s.name
			testenv.Eventually(t, time.Minute, "the group's members", func(ctx context.Context) error {
				described, err := kadm.NewClient(s.kafka).DescribeGroups(ctx, group)
				if err == nil && len(described[group].Members) > 0 {
					t.Errorf("the group still has the members %v", described[group].Members)
				}
				return err
			})
			s.started = 0
			s.start()
			s.holds(next)
		})
	}
}

// retypes gives a column of the table another type while orders come, from next on, until the task
// ends, and returns the order after the last.
func (s *fixture) retypes(r *running, next int) int {
	s.t.Helper()
	s.holds(next)
	s.manage(".alter column " + s.table + ".purchase_time type=string")
	testenv.Eventually(s.t, 2*time.Minute, "an order that was written for the type before", func(context.Context) error {
		if len(r.ended) > 0 {
			return nil
		}
		s.produce(next, next+1, 1)
		next++
		return errors.New("the task goes on")
	})
	return next
}

func TestAPanicWhilePartitionsAreGivenBackFailsTheTaskAndLosesNothing(t *testing.T) {
	for _, name := range leaving {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t, 4, nil)
			s.produce(1, 101, 4)
			first := s.start()
			s.holds(101)
			end := contain.Inject(name)
			defer end()
			if name == "loss of partitions" {
				s.started = 0 // in the place of the first, which is told that it has lost them
			}
			s.start()
			if err := first.failure(t); !strings.Contains(err.Error(), name+" panicked") &&
				!strings.Contains(err.Error(), "another worker has taken over") {
				t.Errorf("the failure is %v, want the panic with its stack", err)
			}
			end()
			s.produce(101, 201, 4)
			s.started = 0 // the second has been asked to give back what it has, too
			s.start()
			s.holds(201)
		})
	}
}

func TestEveryGoroutineOfASinkIsTestedWithAPanic(t *testing.T) {
	containtest.Code{Dirs: []string{".", "../../libs/kusto"}, Wrappers: []string{"goBeside", "Beside", "callback"}}.Known(t,
		slices.Concat(goroutines, leaving, aside)...)
}
