package kafka

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Empty reports whether the offsets of a partition from from to before until hold no committed
// records, as compaction leaves them. A reader cannot tell that from records that are only late: it
// gets nothing in either case. The error is why it is not known, such as that the partition's
// committed records end before until.
//
// What a transaction wrote that was rolled back counts as records: the marker after it is one that readers can see.
func Empty(ctx context.Context, client *kgo.Client, topic string, partition int32, from, until int64) (bool, error) {
	for from < until {
		batches, err := fetch(ctx, client, topic, partition, from, until)
		if err != nil {
			return false, fmt.Errorf("looking for records from offset %d of partition %d of topic %s on: %w", from,
				partition, topic, err)
		}
		if len(batches) == 0 {
			return true, nil
		}
		for _, b := range batches {
			switch {
			case b.first >= until:
				return true, nil
			case b.records > 0 && b.last >= from:
				return false, nil
			}
			from = max(from, b.last+1)
		}
	}
	return true, nil
}

// span is a batch of records in a log.
type span struct {
	first, last int64
	records     int32
}

// fetch asks the leader of a partition for the batch that has an offset, or the next one there is.
func fetch(ctx context.Context, client *kgo.Client, topic string, partition int32, from, until int64) ([]span, error) {
	topics, err := kadm.NewClient(client).ListTopics(ctx, topic)
	if err != nil {
		return nil, err
	}
	detail, known := topics[topic].Partitions[partition]
	if !known {
		return nil, cmp.Or(topics[topic].Err, error(kerr.UnknownTopicOrPartition))
	}
	p := kmsg.NewFetchRequestTopicPartition()
	// of the first batch all is sent, however large it is
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, from, 1
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID, t.Partitions = topic, topics[topic].ID, append(t.Partitions, p)
	request := kmsg.NewPtrFetchRequest()
	request.ReplicaID, request.MaxBytes, request.IsolationLevel, request.SessionEpoch = -1, 1, 1, -1
	request.Topics = append(request.Topics, t)
	answer, err := client.Broker(int(detail.Leader)).RetriableRequest(ctx, request)
	if err != nil {
		return nil, err
	}
	response := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return nil, err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("the broker answers for %d topics", len(response.Topics))
	}
	got := response.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
		return nil, err
	}
	spans, err := spansOf(got.RecordBatches)
	if err == nil && len(spans) == 0 && got.LastStableOffset < until {
		err = fmt.Errorf("its committed records end at offset %d", got.LastStableOffset)
	}
	return spans, err
}

// headerLength is how many bytes the header of a batch has (org.apache.kafka.common.record.DefaultRecordBatch).
const headerLength = 61

// spansOf reads the headers of batches; the last one may be cut off after its own.
func spansOf(batches []byte) (spans []span, err error) {
	for len(batches) > 0 {
		if len(batches) < headerLength {
			if len(spans) > 0 {
				return spans, nil
			}
			return nil, fmt.Errorf("the broker sends %d bytes of a batch, which say nothing", len(batches))
		}
		first, length := int64(binary.BigEndian.Uint64(batches)), int64(int32(binary.BigEndian.Uint32(batches[8:])))
		delta, records, magic := int32(binary.BigEndian.Uint32(batches[23:])),
			int32(binary.BigEndian.Uint32(batches[57:])), batches[16]
		if magic != 2 || first < 0 || delta < 0 || records < 0 || length < headerLength-12 || first+int64(delta) < first {
			return nil, fmt.Errorf("the broker sends a batch of version %d from offset %d with %d records, which cannot be read",
				magic, first, records)
		}
		spans = append(spans, span{first, first + int64(delta), records})
		batches = batches[min(int64(len(batches)), 12+length):]
	}
	return spans, nil
}
