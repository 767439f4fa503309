package kafka

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Empty reports whether the offsets of a partition from from up to, but not including, until hold
// no committed records, for instance after compaction. A reader cannot distinguish that from
// records that are late: it gets nothing in either case. The error says why it is not known, such
// as that the partition's committed records end before until.
//
// Records of a transaction that was rolled back count as records, since readers see the marker
// after them.
func Empty(ctx context.Context, client *kgo.Client, topic string, partition int32, from, until int64) (bool, error) {
	for from < until {
		batches, err := fetch(ctx, client, topic, partition, from, 1)
		if err == nil && len(batches.spans) == 0 && batches.stable < until {
			err = fmt.Errorf("its committed records end at offset %d", batches.stable)
		}
		if err != nil {
			return false, fmt.Errorf("look for records from offset %d of partition %d of topic %s on: %w", from,
				partition, topic, err)
		}
		if len(batches.spans) == 0 {
			return true, nil
		}
		for _, b := range batches.spans {
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
	// control is true if it has the marker of a transaction's end.
	control bool
	// producer is the id of the transaction's producer; -1 outside transactions.
	producer int64
	// at is when its first record was made, or when the batch was appended if the topic uses
	// LogAppendTime.
	at time.Time
}

// fetched is the answer of a partition's leader.
type fetched struct {
	spans []span
	// stable is the partition's last stable offset.
	stable int64
	// aborted are the transactions of the spans that were rolled back: for each producer the offsets
	// of their first records.
	aborted map[int64][]int64
}

// fetch asks the leader of a partition for the batch with an offset, or the next existing one, and
// for those after it, up to so many bytes. The first batch is sent in full, however large it is.
func fetch(ctx context.Context, client *kgo.Client, topic string, partition int32, from int64,
	bytes int32) (out fetched, err error) {
	topics, err := kadm.NewClient(client).ListTopics(ctx, topic)
	if err != nil {
		return out, err
	}
	detail, known := topics[topic].Partitions[partition]
	if !known {
		return out, cmp.Or(topics[topic].Err, error(kerr.UnknownTopicOrPartition))
	}
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, from, bytes
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID, t.Partitions = topic, topics[topic].ID, append(t.Partitions, p)
	request := kmsg.NewPtrFetchRequest()
	request.ReplicaID, request.MaxBytes, request.IsolationLevel, request.SessionEpoch = -1, bytes, 1, -1
	request.Topics = append(request.Topics, t)
	answer, err := client.Broker(int(detail.Leader)).RetriableRequest(ctx, request)
	if err != nil {
		return out, err
	}
	response := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return out, err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return out, fmt.Errorf("the broker answers for %d topics", len(response.Topics))
	}
	got := response.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
		return out, err
	}
	out.stable, out.aborted = got.LastStableOffset, map[int64][]int64{}
	for _, a := range got.AbortedTransactions {
		out.aborted[a.ProducerID] = append(out.aborted[a.ProducerID], a.FirstOffset)
	}
	out.spans, err = spansOf(got.RecordBatches)
	return out, err
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
			return nil, fmt.Errorf("the broker sends only %d bytes of a batch, less than its header", len(batches))
		}
		first, length := int64(binary.BigEndian.Uint64(batches)), int64(int32(binary.BigEndian.Uint32(batches[8:])))
		delta, records, magic := int32(binary.BigEndian.Uint32(batches[23:])),
			int32(binary.BigEndian.Uint32(batches[57:])), batches[16]
		if magic != 2 || first < 0 || delta < 0 || records < 0 || length < headerLength-12 || first+int64(delta) < first {
			return nil, fmt.Errorf("the broker sends a batch of version %d from offset %d with %d records, which cannot be read",
				magic, first, records)
		}
		spans = append(spans, spanOf(batches, first, first+int64(delta), records))
		batches = batches[min(int64(len(batches)), 12+length):]
	}
	return spans, nil
}

// Attributes of a batch.
const (
	appendTime    = 1 << 3
	transactional = 1 << 4
	control       = 1 << 5
)

// spanOf reads the rest of a batch's header.
func spanOf(header []byte, first, last int64, records int32) span {
	attributes, producer := binary.BigEndian.Uint16(header[21:]), int64(-1)
	if attributes&transactional != 0 {
		producer = int64(binary.BigEndian.Uint64(header[43:]))
	}
	at := int64(binary.BigEndian.Uint64(header[27:]))
	if attributes&appendTime != 0 {
		at = int64(binary.BigEndian.Uint64(header[35:]))
	}
	return span{first, last, records, attributes&control != 0, producer, time.UnixMilli(at)}
}
