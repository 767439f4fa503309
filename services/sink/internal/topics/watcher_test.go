package topics

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// owned are partitions of topics, some of them quiet.
type owned struct{ quiet, orphaned map[string]bool }

func (o owned) Sources() []batch.Source { return nil }
func (o owned) Orphan(topic string)     { o.orphaned[topic] = true }
func (o owned) Quiet(topic string) bool { return o.quiet[topic] }

func TestAGroupIsJoinedAgainOnceATopicIsThereAgainAndAllThatWasReadOfDeletedOnesIsDelivered(t *testing.T) {
	env := connector.TaskEnv{Connector: "c", Logger: slog.New(slog.DiscardHandler)}
	partitions := owned{quiet: map[string]bool{}, orphaned: map[string]bool{}}
	var known Registry
	known.See("orders", "a")
	w := (&Reader{Env: env, Spec: &spec.Spec{Routes: new(route.Routes)}, Registry: &known, Partitions: partitions,
		Status: status.NewTask(env, memory.NewShare(&memory.Process{}), "")}).Watch()
	if w.Doubt("others", kerr.UnknownTopicOrPartition) || w.Doubt("orders", kerr.NotLeaderForPartition) {
		t.Error("it doubts what is not known, or what says nothing of the topic")
	}
	calm := w.Pause()
	if !w.Doubt("orders", fmt.Errorf("fetching: %w", kerr.UnknownTopicID)) || w.Pause() >= calm {
		t.Error("a topic that is not known any more is not looked at soon")
	}
	w.noticed("orders", false)
	partitions.quiet["orders"] = true
	if !partitions.orphaned["orders"] || w.Rejoin() {
		t.Error("a topic that is away is not orphaned, or joined for")
	}
	w.noticed("others", false) // also away, and still at work
	w.noticed("orders", true)
	if w.Rejoin() {
		t.Error("the group is joined while rows of a deleted topic are on their way")
	}
	partitions.quiet["others"] = true
	if !w.Rejoin() {
		t.Error("the group is not joined again")
	}
	for _, topic := range []string{"orders", "others"} {
		if !known.Begin(batch.Source{Topic: topic}) {
			t.Errorf("%s does not begin at its first record", topic)
		}
	}
}
