package sink

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/spec"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"

	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// second gives the fixture another topic with a table of its own, and returns both.
func (s *fixture) second() (topic, table string) {
	s.t.Helper()
	topic, table = s.topic+"-b", s.table+"_b"
	if made, err := kadm.NewClient(s.kafka).CreateTopic(s.t.Context(), 1, 1, nil, topic); err != nil || made.Err != nil {
		s.t.Fatal(err, made.Err)
	}
	s.manage(".create table " + table + " (orderid: string, amount: int)")
	s.config["topics"] = s.topic + "," + topic
	s.config["kusto.tables.topics.mapping"] = strings.TrimSuffix(s.config["kusto.tables.topics.mapping"],
		"]") + fmt.Sprintf(",{'topic':'%s','db':'shop','table':'%s','format':'json'}]", topic, table)
	return topic, table
}

func (s *fixture) deleteTopic(topic string) {
	s.t.Helper()
	if deleted, err := kadm.NewClient(s.kafka).DeleteTopics(s.t.Context(), topic); err != nil || deleted.Error() != nil {
		s.t.Fatal(err, deleted.Error())
	}
}

func (s *fixture) createTopic(topic string, partitions int32) {
	s.t.Helper()
	testenv.Eventually(s.t, time.Minute, "the topic to be made again", func(ctx context.Context) error {
		made, err := kadm.NewClient(s.kafka).CreateTopic(ctx, partitions, 1, nil, topic)
		return errors.Join(err, made.Err)
	})
	s.kafka.PurgeTopicsFromProducing(topic)
}

// sendAgain writes to a topic that was made again, which takes a while to be known everywhere.
func (s *fixture) sendAgain(topic string, from, to int) {
	s.t.Helper()
	testenv.Eventually(s.t, time.Minute, "the new topic to take records", func(ctx context.Context) error {
		for from < to {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			err := s.kafka.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(order(from))}).FirstErr()
			cancel()
			if err != nil {
				s.kafka.PurgeTopicsFromProducing(topic)
				return err
			}
			from++
		}
		return nil
	})
}

// notices waits until the task shows a notice of a kind, or none of it.
func (r *running) notices(t *testing.T, kind status.Kind, topic string, shown bool) {
	t.Helper()
	testenv.Eventually(t, time.Minute, "the notice "+kind.String(), func(context.Context) error {
		all := r.shown()
		if there := slices.ContainsFunc(all, func(n *status.Notice) bool {
			return n.Kind == kind && n.Topic == topic
		}); there != shown {
			return fmt.Errorf("shown: %v of %v", there, all)
		}
		return nil
	})
}

func TestATopicThatIsDeletedAndMadeAgainIsTakenUpWhileOthersGoOn(t *testing.T) {
	s := newFixture(t, 2, nil)
	other, table := s.second()
	s.produce(1, 100, 2)
	s.send(&kgo.Record{Topic: other, Value: []byte(order(1))})
	r := s.start()
	s.holds(100)
	s.answers(table+" | count", "1")
	s.deleteTopic(s.topic)
	r.notices(t, status.TopicDeleted, s.topic, true)
	s.send(&kgo.Record{Topic: other, Value: []byte(order(2))})
	s.answers(table+" | count", "2")
	s.createTopic(s.topic, 1)
	s.sendAgain(s.topic, 100, 150) // the same offsets as before
	s.holds(150)
	s.commits(0, 50)
	r.notices(t, status.TopicDeleted, s.topic, false)
	s.send(&kgo.Record{Topic: other, Value: []byte(order(3))})
	s.answers(table+" | summarize count() by orderid | summarize n=count(), max(count_)", "3 1")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestPartitionsThatAreAddedToATopicAreRead(t *testing.T) {
	s := newFixture(t, 1, nil)
	s.produce(1, 10, 1)
	s.start()
	s.holds(10)
	if made, err := kadm.NewClient(s.kafka).CreatePartitions(t.Context(), 1, s.topic); err != nil || made.Error() != nil {
		t.Fatal(err, made.Error())
	}
	testenv.Eventually(t, time.Minute, "the new partition to take a record", func(ctx context.Context) error {
		s.kafka.ForceMetadataRefresh()
		return s.kafka.ProduceSync(ctx, &kgo.Record{Partition: 1, Value: []byte(order(10))}).FirstErr()
	})
	s.holds(11) // which waits less than the five minutes after which clients look for partitions by themselves
}

func TestAPatternsTopicsAreDeletedMadeAgainAndMadeNewAtOnceAndEachRowArrivesOnce(t *testing.T) {
	s := newFixture(t, 2, map[string]string{"consumer.override.metadata.max.age.ms": "1000"})
	b, tableB := s.second()
	c, tableC := s.topic+"-c", s.table+"_c"
	s.manage(".create table " + tableC + " (orderid: string, amount: int)")
	delete(s.config, "topics")
	s.config["topics.regex"] = regexp.QuoteMeta(s.topic) + "(-[bc])?"
	s.config["kusto.tables.topics.mapping"] = strings.TrimSuffix(s.config["kusto.tables.topics.mapping"],
		"]") + fmt.Sprintf(",{'topic':'%s','db':'shop','table':'%s','format':'json'}]", c, tableC)
	each := " | summarize n=count() by orderid | summarize count(), max(n)"
	s.produce(1, 100, 2)
	s.sendAgain(b, 1, 10)
	r := s.start()
	s.holds(100)
	s.answers(tableB+each, "9 1")

	s.deleteTopic(s.topic)
	r.notices(t, status.TopicDeleted, s.topic, true)
	s.createTopic(c, 3) // a new one while another is away
	s.sendAgain(c, 1, 20)
	s.answers(tableC+each, "19 1")

	s.deleteTopic(b) // and one goes as another comes back
	r.notices(t, status.TopicDeleted, b, true)
	s.createTopic(s.topic, 1)
	s.sendAgain(s.topic, 100, 150)
	s.holds(150)
	r.notices(t, status.TopicDeleted, s.topic, false)
	s.sendAgain(c, 20, 30)
	s.answers(tableC+each, "29 1")

	s.createTopic(b, 2)
	s.sendAgain(b, 10, 40)
	s.answers(tableB+each, "39 1")
	r.notices(t, status.TopicDeleted, b, false)
	s.sendAgain(s.topic, 150, 160)
	s.holds(160)

	if made, err := kadm.NewClient(s.kafka).CreatePartitions(t.Context(), 1, c); err != nil || made.Error() != nil {
		t.Fatal(err, made.Error())
	}
	testenv.Eventually(t, time.Minute, "the partition that was added to take a record", func(ctx context.Context) error {
		s.kafka.ForceMetadataRefresh()
		return s.kafka.ProduceSync(ctx, &kgo.Record{Topic: c, Partition: 3, Value: []byte(order(30))}).FirstErr()
	})
	s.answers(tableC+each, "30 1")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	s.answers(tableB+each, "39 1")
	s.answers(tableC+each, "30 1")
}

func TestATopicThatIsMadeAgainWhileNobodyReadsItIsReadFromItsBeginning(t *testing.T) {
	s := newFixture(t, 1, nil)
	s.produce(1, 50, 1)
	r := s.start()
	s.holds(50)
	s.commits(0, 49)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	group := "connect-" + s.name
	committed, err := kadm.NewClient(s.kafka).FetchOffsets(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	s.deleteTopic(s.topic)
	s.createTopic(s.topic, 1)
	s.sendAgain(s.topic, 50, 150)
	// Brokers forget the offsets of a deleted topic some time; this one has not.
	testenv.Eventually(t, time.Minute, "the old offset to be there", func(ctx context.Context) error {
		responses, err := kadm.NewClient(s.kafka).CommitOffsets(ctx, group, committed.Offsets())
		return errors.Join(err, responses.Error())
	})
	s.start()
	s.holds(150)
	s.commits(0, 100)
}

func TestRecordsThatAreGoneStopOneTopicWhereTheUserAllowsIt(t *testing.T) {
	for _, allowed := range []string{spec.MissingTask, spec.MissingTopic} {
		t.Run(allowed, func(t *testing.T) {
			s := newFixture(t, 1, map[string]string{"records.missing": allowed})
			other, table := s.second()
			s.produce(1, 50, 1)
			admin := kadm.NewClient(s.kafka)
			if _, err := admin.CommitOffsets(t.Context(), "connect-"+s.name,
				kadm.OffsetsFromRecords(kgo.Record{Topic: s.topic, Offset: 3, LeaderEpoch: -1})); err != nil {
				t.Fatal(err)
			}
			var ends kadm.Offsets
			ends.AddOffset(s.topic, 0, 30, -1)
			if deleted, err := admin.DeleteRecords(t.Context(), ends); err != nil || deleted.Error() != nil {
				t.Skip("these brokers delete no records:", err, deleted.Error())
			}
			s.send(&kgo.Record{Topic: other, Value: []byte(order(1))})
			r := s.start()
			if allowed == spec.MissingTask {
				if err := r.failure(t); !errors.Is(err, kerr.OffsetOutOfRange) || !strings.Contains(err.Error(), s.topic) {
					t.Error(err)
				}
				return
			}
			s.answers(table+" | count", "1")
			r.notices(t, status.RecordsMissing, s.topic, true)
			s.send(&kgo.Record{Topic: other, Value: []byte(order(2))})
			s.answers(table+" | count", "2")
		})
	}
}

// The letters that there were went with their topic, and what was noted of them with it: the next
// ones have the same ids.
func TestADeadLetterTopicThatWasDeletedIsMadeAgainForTheNextLetter(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"errors.tolerance": "all",
		"errors.deadletterqueue.topic.replication.factor": "1"})
	dead := s.topic + "-dead"
	s.config["errors.deadletterqueue.topic.name"] = dead
	s.send(&kgo.Record{Value: []byte(`{"first`)})
	r := s.start()
	r.opens(t, 1)
	if out, err := s.service(r).DiscardDeadLetters(t.Context(),
		&sinkv1.DiscardDeadLettersRequest{Connector: s.name, All: true}); err != nil || out.Discarded != 1 {
		t.Fatal(out, err)
	}
	r.opens(t, 0)
	s.deleteTopic(dead)
	s.send(&kgo.Record{Value: []byte(`{"second`)})
	s.produce(1, 3, 1)
	s.commits(0, 4)
	if letters := s.letters(dead, 1); string(letters[0].Value) != `{"second` {
		t.Errorf("the letter is %s", letters[0].Value)
	}
	r.opens(t, 1)
	out, err := s.service(r).DiscardDeadLetters(t.Context(),
		&sinkv1.DiscardDeadLettersRequest{Connector: s.name, All: true})
	if err != nil || out.Discarded != 1 {
		t.Error(out, err)
	}
	r.opens(t, 0)
}

// opens waits until that many dead letters are counted as open.
func (r *running) opens(t *testing.T, want int64) {
	t.Helper()
	testenv.Eventually(t, 3*time.Minute, "the number of open letters", func(context.Context) error {
		n := r.task.status.OpenDeadLetters()
		if n == nil {
			return errors.New("it is not known yet")
		}
		if *n != want {
			return fmt.Errorf("it is %d, want %d", *n, want)
		}
		return nil
	})
}

// shown are the notices that there are.
func (r *running) shown() []*status.Notice {
	return r.task.status.Notices.Told()
}
