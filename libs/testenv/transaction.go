package testenv

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// HangingTransactions is what a broker must be started with for LeaveTransactionOpen: brokers that
// verify transactions (KIP-890, part 1) were made against what it does.
const HangingTransactions = "transaction.partition.verification.enable=false"

// LeaveTransactionOpen writes a record to a partition in a transaction that no coordinator knows
// of, as brokers before KIP-890 are left with when a coordinator loses what it knew (KIP-664), and
// returns the id of its producer. The record's time is r.Timestamp.
func (k *Kafka) LeaveTransactionOpen(ctx context.Context, r *kgo.Record) (producer int64, err error) {
	versions := kversion.Stable()
	// names topics, and does not make the broker add the partition itself
	versions.SetMaxKeyVersion(kmsg.Produce.Int16(), 9)
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Bootstrap), kgo.MaxVersions(versions))
	if err != nil {
		return 0, fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	init := kmsg.NewPtrInitProducerIDRequest()
	init.TransactionalID, init.TransactionTimeoutMillis = kmsg.StringPtr(fmt.Sprintf("lost-%d", time.Now().UnixNano())),
		60_000
	begun, err := init.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(begun.ErrorCode)
	}
	if err != nil {
		return 0, fmt.Errorf("get the id of a producer: %w", err)
	}

	record := kmsg.NewRecord()
	record.Key, record.Value = r.Key, r.Value
	record.Length = int32(len(record.AppendTo(nil)) - 1) // without itself
	batch := kmsg.NewRecordBatch()
	const transactional, magic = 0x10, 2
	batch.Magic, batch.Attributes, batch.PartitionLeaderEpoch, batch.NumRecords = magic, transactional, -1, 1
	batch.FirstTimestamp, batch.MaxTimestamp = r.Timestamp.UnixMilli(), r.Timestamp.UnixMilli()
	batch.ProducerID, batch.ProducerEpoch = begun.ProducerID, begun.ProducerEpoch
	batch.Records = record.AppendTo(nil)
	const lengthAt, crcAt, attributesAt = 8, 17, 21
	raw := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[lengthAt:], uint32(len(raw)-lengthAt-4))
	binary.BigEndian.PutUint32(raw[crcAt:], crc32.Checksum(raw[attributesAt:], crc32.MakeTable(crc32.Castagnoli)))

	produce := kmsg.NewPtrProduceRequest()
	produce.TransactionID, produce.Acks, produce.TimeoutMillis = init.TransactionalID, -1, 10_000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = r.Topic
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Partition, partition.Records = r.Partition, raw
	topic.Partitions = append(topic.Partitions, partition)
	produce.Topics = append(produce.Topics, topic)
	const nodeID = 1 // of the one broker
	written, err := client.Broker(nodeID).Request(ctx, produce)
	if err != nil {
		return 0, fmt.Errorf("write to topic %s: %w", r.Topic, err)
	}
	for _, t := range written.(*kmsg.ProduceResponse).Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return 0, fmt.Errorf("write to partition %d of topic %s: %w", p.Partition, r.Topic, err)
			}
		}
	}
	return begun.ProducerID, nil
}
