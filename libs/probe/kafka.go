package probe

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/kafka"
)

// Kafka says which brokers to probe.
type Kafka struct {
	// Connect makes a client of the brokers.
	Connect func(...kgo.Opt) (*kgo.Client, error)
	// Target names them.
	Target string
	// Compacted are the topics in which workers keep their state.
	Compacted []string
	// TransactionalPrefix begins connectors' transactional ids.
	TransactionalPrefix string
}

// brokers is a probe of Kafka.
type brokers struct {
	lab    *lab
	of     Kafka
	client *kgo.Client
	admin  *kadm.Client
	// name is the name of the probe's topic, group and, after the prefix, transactional id.
	name string
}

// Probe probes the brokers. It fails only if no client can be made.
func (k Kafka) Probe(ctx context.Context, o Options) (*Report, error) {
	client, err := k.Connect(kgo.RequestRetries(2), kgo.RetryTimeout(answerPatience))
	if err != nil {
		return nil, fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	p := &brokers{of: k, client: client, admin: kadm.NewClient(client), name: brokersPrefix + unique(),
		lab: o.lab("Kafka", k.Target)}
	p.lab.others = p.left
	return p.lab.run(ctx, p.experiments()), nil
}

// brokersPrefix begins the names of topics and groups of all probes.
const brokersPrefix = "calypso-probe-"

func topicLeft(topic string) string {
	return "topic " + topic + ": kafka-topics.sh --bootstrap-server <brokers> --delete --topic " + topic
}

func groupLeft(group string) string {
	return "group " + group + ": kafka-consumer-groups.sh --bootstrap-server <brokers> --delete --group " + group
}

// left returns the topics and groups of other probes.
func (p *brokers) left(ctx context.Context) (found []string, err error) {
	other := func(name string) bool { return strings.HasPrefix(name, brokersPrefix) && name != p.name }
	topics, err := p.admin.ListTopics(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range topics.Names() {
		if other(name) {
			found = append(found, topicLeft(name)+killed)
		}
	}
	groups, err := p.admin.ListGroups(ctx)
	for _, name := range groups.Groups() {
		if other(name) {
			found = append(found, groupLeft(name)+killed)
		}
	}
	return found, err
}

// answerPatience is how long to wait for one answer of the brokers.
const answerPatience = 20 * time.Second

func (p *brokers) experiments() []experiment {
	all := []experiment{{"making a topic", "a compacted topic is made as one", p.topic}}
	for _, c := range []struct {
		name  string
		codec kgo.CompressionCodec
	}{{"no", kgo.NoCompression()}, {"gzip", kgo.GzipCompression()}, {"snappy", kgo.SnappyCompression()},
		{"lz4", kgo.Lz4Compression()}, {"zstd", kgo.ZstdCompression()}} {
		all = append(all, experiment{"a batch with " + c.name + " compression", "taken",
			func(ctx context.Context) (outcome, error) { return p.compressed(ctx, c.name, c.codec) }})
	}
	all = append(all, p.sized()...)
	for _, n := range []int{1024, 3900} {
		all = append(all, experiment{fmt.Sprintf("a commit with %d bytes of metadata", n), "taken",
			func(ctx context.Context) (outcome, error) { return p.commit(ctx, n) }})
	}
	all = append(all,
		experiment{"transactions",
			"the brokers offer them, name a coordinator and give a producer id to a transactional id that begins with " +
				p.of.TransactionalPrefix, p.transactions},
		experiment{"a whole transaction", "committed records are read, and those of a transaction that is rolled back never",
			p.transaction},
	)
	for _, topic := range p.of.Compacted {
		all = append(all, experiment{"topic " + topic, "it is not there yet, or has cleanup.policy=compact",
			func(ctx context.Context) (outcome, error) { return p.policy(ctx, topic) }})
	}
	return all
}

func (p *brokers) topic(ctx context.Context) (outcome, error) {
	p.lab.remember(topicLeft(p.name),
		func(ctx context.Context) error {
			return p.deleteTopic(ctx)
		})
	compact := "compact"
	if made, err := p.admin.CreateTopic(ctx, 1, -1, map[string]*string{"cleanup.policy": &compact}, p.name); err != nil ||
		made.Err != nil {
		return outcome{}, fmt.Errorf("make topic %s: %w", p.name, errors.Join(err, made.Err))
	}
	return p.policy(ctx, p.name)
}

// deleteTopic returns when the brokers no longer list the topic, which may be some time after they
// accepted the deletion.
func (p *brokers) deleteTopic(ctx context.Context) error {
	for {
		gone, err := p.admin.DeleteTopic(ctx, p.name)
		if err = cmp.Or(err, gone.Err); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return err
		}
		listed, err := p.admin.ListTopics(ctx, p.name)
		if err != nil || !listed.Has(p.name) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("it is still there")
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// policy checks the cleanup.policy of a topic.
func (p *brokers) policy(ctx context.Context, topic string) (outcome, error) {
	described, err := p.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return outcome{}, fmt.Errorf("look at the configuration of topic %s: %w", topic, err)
	}
	found, err := described.On(topic, nil)
	if err = errors.Join(err, found.Err); errors.Is(err, kerr.UnknownTopicOrPartition) {
		return expected("it is not there"), nil
	}
	if err != nil {
		return outcome{}, fmt.Errorf("look at the configuration of topic %s: %w", topic, err)
	}
	at := slices.IndexFunc(found.Configs, func(c kadm.Config) bool { return c.Key == "cleanup.policy" })
	if at < 0 {
		return outcome{}, errors.New("the brokers do not tell the topic's cleanup.policy")
	}
	policy := found.Configs[at].MaybeValue()
	o := expected("cleanup.policy=%s", policy)
	if policy != "compact" {
		o.verdict, o.follows = Otherwise,
			"Connectors and positions that are kept in such a topic vanish with its retention: set cleanup.policy=compact."
	}
	return o, nil
}

func (p *brokers) compressed(ctx context.Context, name string, codec kgo.CompressionCodec) (outcome, error) {
	client, err := p.of.Connect(kgo.ProducerBatchCompression(codec), kgo.DisableIdempotentWrite(), kgo.RecordRetries(1),
		kgo.RecordDeliveryTimeout(answerPatience))
	if err != nil {
		return outcome{}, fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	// The client sends a batch uncompressed if compression does not make it smaller.
	err = client.ProduceSync(ctx, &kgo.Record{Topic: p.name, Key: []byte("probe"),
		Value: bytes.Repeat([]byte{' '}, 512)}).FirstErr()
	switch {
	case err == nil:
		return expected("taken"), nil
	case errors.Is(err, kerr.UnsupportedForMessageFormat), errors.Is(err, kerr.UnsupportedCompressionType):
		o := outcome{fmt.Sprintf("refused: %v", err), Otherwise,
			"Calypso finds this out when a worker starts, and writes without compression."}
		if codec == kgo.NoCompression() {
			o.follows = "Nothing can be written here. Please attach this report to an issue."
		}
		return o, nil
	}
	return outcome{}, fmt.Errorf("write a batch with %s compression: %w", name, err)
}

// sized returns writes around the largest size of a request that Event Hubs documents, above which
// it closes the connection. The larger one is still below what Apache Kafka accepts in a batch by
// default, 1,048,588 bytes.
func (p *brokers) sized() []experiment {
	const closes = "Batches, and requests of several, must stay below this size. Calypso finds that out where brokers take no compressed batches, and keeps them below 1,040,000 bytes."
	var all []experiment
	for _, e := range []struct {
		bytes   int
		follows string
	}{
		{1_030_000,
			"Calypso writes requests of this size. Set producer.override.max.request.size to less, and attach this report to an issue."},
		{1_047_500, closes},
	} {
		all = append(all, experiment{fmt.Sprintf("a request of %d bytes", e.bytes), "taken",
			func(ctx context.Context) (outcome, error) { return p.large(ctx, e.bytes, e.follows) }})
	}
	return all
}

// large writes one record that makes a request of about size bytes.
func (p *brokers) large(ctx context.Context, size int, follows string) (outcome, error) {
	const around = 200 // overhead of a batch and a request around a record, with names
	client, err := p.of.Connect(kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.DisableIdempotentWrite(),
		kgo.RecordRetries(1), kgo.RecordDeliveryTimeout(answerPatience), kgo.ProducerBatchMaxBytes(int32(size)+around))
	if err != nil {
		return outcome{}, fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	err = client.ProduceSync(ctx, &kgo.Record{Topic: p.name, Key: []byte("probe"),
		Value: bytes.Repeat([]byte{' '}, size-around)}).FirstErr()
	switch {
	case err == nil:
		return expected("taken"), nil
	case ctx.Err() != nil:
		return outcome{}, err
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return outcome{fmt.Sprintf("refused: %v", err), Otherwise,
			"The brokers take smaller batches (message.max.bytes, max.message.bytes of a topic): records of this size stop a connector, unless its topics get a larger max.message.bytes or oversized.records.mode says otherwise."}, nil
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, kgo.ErrRecordRetries), errors.Is(err, kgo.ErrRecordTimeout):
		return outcome{fmt.Sprintf("not taken, without an answer that says why: %v", err), Otherwise, follows}, nil
	}
	return outcome{}, fmt.Errorf("write a record: %w", err)
}

func (p *brokers) commit(ctx context.Context, size int) (outcome, error) {
	p.lab.remember(groupLeft(p.name),
		func(ctx context.Context) error {
			gone, err := p.admin.DeleteGroup(ctx, p.name)
			if err = errors.Join(err, gone.Err); errors.Is(err, kerr.GroupIDNotFound) {
				return nil
			}
			return err
		})
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: p.name, Partition: 0, At: 1, LeaderEpoch: -1, Metadata: strings.Repeat("x", size)})
	err := patiently(ctx, func(ctx context.Context) error {
		responses, err := p.admin.CommitOffsets(ctx, p.name, offsets)
		return cmp.Or(err, responses.Error())
	})
	switch {
	case err == nil:
		return expected("taken"), nil
	case errors.Is(err, kerr.OffsetMetadataTooLarge):
		return outcome{fmt.Sprintf("refused: %v", err), Otherwise,
			"A sink keeps to what the brokers take. A partition has fewer batches under way beside one that is halved for a bad record."}, nil
	}
	return outcome{}, fmt.Errorf("commit an offset of group %s: %w", p.name, err)
}

func (p *brokers) transactions(ctx context.Context) (outcome, error) {
	without := func(format string, args ...any) (outcome, error) {
		return outcome{fmt.Sprintf(format, args...), Otherwise,
			"PostgreSQL → Kafka is at least once here: after a crash the last batch may be written again. Connectors with exactly.once.support=required do not start."}, nil
	}
	versions, err := p.admin.ApiVersions(ctx)
	if err != nil {
		return outcome{}, fmt.Errorf("ask what the brokers offer: %w", err)
	}
	for _, broker := range versions.Sorted() {
		if broker.Err != nil {
			return outcome{}, fmt.Errorf("ask what broker %d offers: %w", broker.NodeID, broker.Err)
		}
		if !kafka.Transactions(broker) {
			return without("broker %d offers no transactions", broker.NodeID)
		}
	}
	id := p.of.TransactionalPrefix + p.name
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorType, find.CoordinatorKey, find.CoordinatorKeys = 1, id, []string{id}
	begin := kmsg.NewPtrInitProducerIDRequest()
	begin.TransactionalID, begin.TransactionTimeoutMillis = &id, int32(answerPatience.Milliseconds())
	for _, step := range []struct {
		name string
		ask  func(context.Context) error
	}{
		{"FindCoordinator", func(ctx context.Context) error {
			found, err := find.RequestWith(ctx, p.client)
			if err != nil {
				return err
			}
			err = kerr.ErrorForCode(found.ErrorCode)
			for _, c := range found.Coordinators {
				err = cmp.Or(err, kerr.ErrorForCode(c.ErrorCode))
			}
			return err
		}},
		{"InitProducerID", func(ctx context.Context) error {
			given, err := begin.RequestWith(ctx, p.client)
			if err != nil {
				return err
			}
			return kerr.ErrorForCode(given.ErrorCode)
		}},
	} {
		switch err := patiently(ctx, step.ask); {
		case err == nil:
		case ctx.Err() != nil, kerr.IsRetriable(err):
			return outcome{}, fmt.Errorf("%s: %w", step.name, err)
		default:
			return without("%s: %v", step.name, err)
		}
	}
	return expected("all %d brokers offer them; InitProducerID gave an id", len(versions)), nil
}

// transaction commits a record, rolls another back, and reads what is committed.
func (p *brokers) transaction(ctx context.Context) (outcome, error) {
	without := func(err error) (outcome, error) {
		if ctx.Err() != nil || kerr.IsRetriable(err) {
			return outcome{}, err
		}
		return outcome{err.Error(), Otherwise,
			"PostgreSQL → Kafka cannot be exactly once here: run capture with --exactly-once-source-support=disabled if connectors fail with this error."}, nil
	}
	client, err := p.of.Connect(kgo.TransactionalID(p.of.TransactionalPrefix+p.name),
		kgo.TransactionTimeout(answerPatience), kgo.RecordDeliveryTimeout(answerPatience),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return outcome{}, fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	for _, e := range []struct {
		key string
		end kgo.TransactionEndTry
	}{{"rolled back", kgo.TryAbort}, {"committed", kgo.TryCommit}} {
		if err := client.BeginTransaction(); err != nil {
			return without(fmt.Errorf("begin a transaction: %w", err))
		}
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: p.name, Key: []byte(e.key),
			Value: []byte("probe")}).FirstErr(); err != nil {
			return without(fmt.Errorf("write in a transaction: %w", err))
		}
		if err := client.EndTransaction(ctx, e.end); err != nil {
			return without(fmt.Errorf("end a transaction: %w", err))
		}
	}
	return p.committed(ctx)
}

// committed reads the topic until the record of the committed transaction.
func (p *brokers) committed(ctx context.Context) (outcome, error) {
	client, err := p.of.Connect(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{p.name: {0: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return outcome{}, fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, answerPatience,
		fmt.Errorf("the committed record was not read within %s", answerPatience))
	defer cancel()
	seen := map[string]int{}
	for seen["committed"] == 0 {
		fetched := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return outcome{}, context.Cause(ctx)
		}
		if err := fetched.Err0(); err != nil {
			return outcome{}, fmt.Errorf("read topic %s: %w", p.name, err)
		}
		fetched.EachRecord(func(r *kgo.Record) { seen[string(r.Key)]++ })
	}
	o := expected("read of the committed transaction: %d, of the one that was rolled back: %d", seen["committed"],
		seen["rolled back"])
	if seen["committed"] != 1 || seen["rolled back"] != 0 {
		o.verdict, o.follows = Otherwise,
			"Transactions do not do here what Kafka promises: a crash can repeat rows or show some that come again. Please attach this report to an issue."
	}
	return o, nil
}

// patiently repeats ask while the error says that trying again may help: for the first transaction,
// or group, brokers have to create a topic and load it.
func patiently(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	for {
		err := ask(ctx)
		if !kerr.IsRetriable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}
