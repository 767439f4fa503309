package kafka_test

import (
	"math"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/kafka"
)

// rightsAt makes rights that are asked of a broker which answers requests as answer says; nil is its own answer.
func rightsAt(t *testing.T, answer func(kmsg.Request) kmsg.Response) *kafka.Rights {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cluster.Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		response := answer(r)
		return response, nil, response != nil
	})
	rights, err := kafka.NewRights(func(more ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(more, kgo.SeedBrokers(cluster.ListenAddrs()...))...)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rights.Close)
	return rights
}

func TestWhichOperationsOnATopicAreMissingIsReadFromWhatBrokersAnswer(t *testing.T) {
	both := []kafka.Operation{kafka.Read, kafka.Write}
	for name, c := range map[string]struct {
		// of the topic's metadata; a topic that is not there is asked for by a record, whose code is produced
		code       *kerr.Error
		operations int32
		produced   *kerr.Error
		missing    []kafka.Operation
		fails      bool
	}{
		"all are there":                     {operations: 1<<kafka.Read | 1<<kafka.Write},
		"one is there":                      {operations: 1 << kafka.Read, missing: both[1:]},
		"none is there":                     {missing: both},
		"brokers that do not tell":          {operations: math.MinInt32},
		"a topic that may not be looked up": {code: kerr.TopicAuthorizationFailed, missing: both},
		"no topic":                          {code: kerr.UnknownTopicOrPartition, produced: kerr.UnknownTopicOrPartition},
		"no topic, and none may be written": {code: kerr.UnknownTopicOrPartition, produced: kerr.TopicAuthorizationFailed, missing: both[1:]},
		"a name that no topic can have":     {code: kerr.InvalidTopicException, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rights := rightsAt(t, func(r kmsg.Request) kmsg.Response {
				switch r := r.(type) {
				case *kmsg.MetadataRequest:
					if len(r.Topics) == 0 {
						return nil
					}
					response := r.ResponseKind().(*kmsg.MetadataResponse)
					found := kmsg.NewMetadataResponseTopic()
					found.Topic, found.AuthorizedOperations = r.Topics[0].Topic, c.operations
					if !r.IncludeTopicAuthorizedOperations {
						found.AuthorizedOperations = math.MinInt32
					}
					if c.code != nil {
						found.ErrorCode = c.code.Code
					}
					response.Topics = append(response.Topics, found)
					return response
				case *kmsg.ProduceRequest:
					response := r.ResponseKind().(*kmsg.ProduceResponse)
					topic := kmsg.NewProduceResponseTopic()
					topic.Topic = r.Topics[0].Topic
					partition := kmsg.NewProduceResponseTopicPartition()
					partition.ErrorCode = c.produced.Code
					topic.Partitions = append(topic.Partitions, partition)
					response.Topics = append(response.Topics, topic)
					return response
				}
				return nil
			})
			missing, err := rights.MissingOnTopic(t.Context(), "shop", both...)
			var got []kafka.Operation
			for _, m := range missing {
				if m.Resource != kafka.Topic || m.Name != "shop" || m.Prefixed {
					t.Errorf("%v", m)
				}
				got = append(got, m.Operation)
			}
			if (err != nil) != c.fails || !slices.Equal(got, c.missing) {
				t.Errorf("missing %v, %v", missing, err)
			}
		})
	}
}

func TestWhetherAGroupMayBeReadIsToldFromTheMemberThatIsNone(t *testing.T) {
	for name, c := range map[string]struct {
		code       *kerr.Error
		may, fails bool
	}{
		"no such member":        {kerr.UnknownMemberID, true, false},
		"another generation":    {kerr.IllegalGeneration, true, false},
		"no such group":         {kerr.GroupIDNotFound, true, false},
		"not allowed":           {kerr.GroupAuthorizationFailed, false, false},
		"an answer about else":  {kerr.InvalidGroupID, true, true},
		"a broker that retires": {kerr.UnsupportedVersion, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rights := rightsAt(t, func(r kmsg.Request) kmsg.Response {
				if r, ok := r.(*kmsg.HeartbeatRequest); ok {
					response := r.ResponseKind().(*kmsg.HeartbeatResponse)
					response.ErrorCode = c.code.Code
					return response
				}
				return nil
			})
			if may, err := rights.MayReadGroup(t.Context(), "connect-adx"); may != c.may || (err != nil) != c.fails {
				t.Errorf("%t, %v", may, err)
			}
		})
	}
}

func TestWhetherTransactionsMayBeWrittenIsToldWithoutEndingOne(t *testing.T) {
	for name, c := range map[string]struct {
		code       *kerr.Error
		may, fails bool
	}{
		"another producer has the id": {kerr.InvalidProducerIDMapping, true, false},
		"no transaction":              {kerr.InvalidTxnState, true, false},
		"an epoch of another":         {kerr.InvalidProducerEpoch, true, false},
		"a fenced producer":           {kerr.ProducerFenced, true, false},
		"not allowed":                 {kerr.TransactionalIDAuthorizationFailed, false, false},
		"a service without them":      {kerr.UnsupportedVersion, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rights := rightsAt(t, func(r kmsg.Request) kmsg.Response {
				if r, ok := r.(*kmsg.EndTxnRequest); ok {
					if r.ProducerID != math.MaxInt64 || r.Commit {
						t.Errorf("it ends a transaction that there may be: %+v", r)
					}
					response := r.ResponseKind().(*kmsg.EndTxnResponse)
					response.ErrorCode = c.code.Code
					return response
				}
				return nil
			})
			if may, err := rights.MayWriteTransactions(t.Context(), "calypso-a"); may != c.may || (err != nil) != c.fails {
				t.Errorf("%t, %v", may, err)
			}
		})
	}
}
