package capture

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	reached "github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

func TestABrokerWhoseDiskIsFullIsWaitedForAndNothingIsLostOrRepeated(t *testing.T) {
	s := newSource(t)
	dir, resize := testenv.SmallDisk(t, 48)
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true, Properties: []string{"log.dirs=" + dir + "/data",
		"offsets.topic.num.partitions=1", "transaction.state.log.num.partitions=1"}})
	s.exec(t, "CREATE TABLE orders (id int PRIMARY KEY, filling text)")
	registry := NewRegistry()
	config := s.config("c"+s.db, nil)
	env := testEnv(kafka.Bootstrap, config["name"])
	var reach reached.Reach
	env.Kafka = func(o ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(o, kgo.SeedBrokers(kafka.Bootstrap), kgo.WithHooks(&reach))...)
	}
	env.BrokersAway = reach.Why
	task, err := makeTaskIn(env, config, Options{Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	c := runTask(t, task)
	s.awaitSlot(t)
	phase := func() (status.State, bool) {
		e := registry.captures.Find(config["name"])
		if e == nil {
			return status.State{}, false
		}
		return e.State(), true
	}
	orders := 0
	write := func(n int) {
		// Random text, which no compression makes small.
		s.exec(t, `INSERT INTO orders SELECT $1 + g, (SELECT string_agg(md5(random()::text || i || g), '') FROM generate_series(1, 4000) i)
			FROM generate_series(1, $2::int) g`, orders, n)
		orders += n
	}
	write(400)
	eventually(t, "the capture to say what stands in the way", func() error {
		st, any := phase()
		if !any || st.Phase != status.Retrying {
			return fmt.Errorf("state %+v", st)
		}
		if !strings.Contains(st.Reason, "its disk is full") {
			return fmt.Errorf("it says %q", st.Reason)
		}
		return nil
	})
	kafka.Kill() // if it has not ended by itself
	resize(400)
	if err := kafka.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(10)
	client := func(o ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(o, kgo.SeedBrokers(kafka.Bootstrap))...)
	}
	eventually(t, "all orders to come once each, in order", func() error {
		got, err := readTopic(t.Context(), client, s.db+".public.orders")
		if err != nil {
			return err
		}
		if len(got) != orders {
			return fmt.Errorf("%d of %d are there", len(got), orders)
		}
		return nil
	})
	if err := c.stop(t); err != nil {
		t.Errorf("the task failed: %v", err)
	}
	got, err := readTopic(t.Context(), client, s.db+".public.orders")
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range got {
		var key struct{ ID int }
		if err := json.Unmarshal(r.Key, &key); err != nil || key.ID != i+1 {
			t.Fatalf("event %d is of %s: %v", i+1, r.Key, err)
		}
	}
}
