package connector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/types/known/structpb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

const (
	alteredMessage = "The offsets for this connector have been altered successfully"
	resetMessage   = "The offsets for this connector have been reset successfully"
)

// The fields of a sink connector's offsets, as KIP-875 names them.
const (
	kafkaTopic     = "kafka_topic"
	kafkaPartition = "kafka_partition"
	kafkaOffset    = "kafka_offset"
)

func (s *service) GetOffsets(ctx context.Context, request *connectorv1.GetOffsetsRequest) (*connectorv1.GetOffsetsResponse, error) {
	connector, plugin, err := s.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.StoreTimeout)
	defer cancel()
	response := &connectorv1.GetOffsetsResponse{}
	if plugin.Type == Source {
		response.Offsets, err = s.getSourceOffsets(ctx, connector.name)
	} else {
		response.Offsets, err = s.getSinkOffsets(ctx, s.groupOf(connector))
	}
	if err != nil {
		return nil, storeUnavailable(err)
	}
	return response, nil
}

func (s *service) getSourceOffsets(ctx context.Context, connector string) ([]*connectorv1.Offset, error) {
	found, err := s.sourceOffsets(ctx, connector)
	if err != nil {
		return nil, err
	}
	var offsets []*connectorv1.Offset
	for _, partition := range slices.Sorted(maps.Keys(found)) {
		partitionMessage, err := OffsetStruct([]byte(partition))
		if err != nil {
			return nil, err
		}
		offset, err := OffsetStruct(found[partition])
		if err != nil {
			return nil, fmt.Errorf("offset of partition %s in topic %s: %w", partition, s.config.OffsetsTopic, err)
		}
		offsets = append(offsets, &connectorv1.Offset{Partition: partitionMessage, Offset: offset})
	}
	return offsets, nil
}

func (s *service) getSinkOffsets(ctx context.Context, group string) ([]*connectorv1.Offset, error) {
	found, err := s.store.admin.FetchOffsets(ctx, group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the offsets of consumer group %s: %w", group, err)
	}
	var offsets []*connectorv1.Offset
	for _, offset := range found.Sorted() {
		if offset.Err != nil || offset.At < 0 {
			continue
		}
		offsets = append(offsets, &connectorv1.Offset{
			Partition: &structpb.Struct{Fields: map[string]*structpb.Value{
				kafkaTopic: structpb.NewStringValue(offset.Topic), kafkaPartition: structpb.NewNumberValue(float64(offset.Partition))}},
			Offset: &structpb.Struct{Fields: map[string]*structpb.Value{kafkaOffset: structpb.NewNumberValue(float64(offset.At))}},
		})
	}
	return offsets, nil
}

// groupOf is a sink connector's consumer group.
func (s *service) groupOf(connector snapshot) string {
	resolved, _ := s.config.References.resolve(connector.config)
	override := map[string]string{}
	for key, value := range resolved {
		if rest, ok := strings.CutPrefix(key, "consumer.override."); ok {
			override[rest] = value
		}
	}
	return consumerGroup(connector.name, override)
}

// stopped finds a connector whose offsets may be changed: it is to be stopped and its tasks have ended.
func (s *service) stopped(name string) (snapshot, Plugin, error) {
	connector, plugin, err := s.ours(name)
	if err != nil {
		return connector, plugin, err
	}
	if connector.target != targetStopped {
		return connector, plugin, notStopped(connector.name, "")
	}
	if said := connector.statuses.connector; said == nil || said.State != StateStopped || len(connector.statuses.tasks) > 0 {
		return connector, plugin, notStopped(connector.name, "it is being stopped; its tasks have not ended yet, try again")
	}
	return connector, plugin, nil
}

func (s *service) AlterOffsets(ctx context.Context, request *connectorv1.AlterOffsetsRequest) (*connectorv1.AlterOffsetsResponse, error) {
	if len(request.GetOffsets()) == 0 {
		return nil, invalidField(ReasonOffsetsInvalid, "offsets", "Partitions / offsets need to be provided for an alter offsets request")
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	connector, plugin, err := s.stopped(request.GetName())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.StoreTimeout)
	defer cancel()
	if plugin.Type == Source {
		err = s.alterSourceOffsets(ctx, connector.name, request.GetOffsets())
	} else {
		err = s.alterSinkOffsets(ctx, connector, request.GetOffsets())
	}
	if err != nil {
		return nil, err
	}
	s.logger.Info("offsets altered", "connector", connector.name, "partitions", len(request.GetOffsets()))
	return &connectorv1.AlterOffsetsResponse{Message: alteredMessage}, nil
}

func (s *service) ResetOffsets(ctx context.Context, request *connectorv1.ResetOffsetsRequest) (*connectorv1.ResetOffsetsResponse, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	connector, plugin, err := s.stopped(request.GetName())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.StoreTimeout)
	defer cancel()
	if plugin.Type == Source {
		err = s.resetSourceOffsets(ctx, connector.name)
	} else {
		err = s.resetSinkOffsets(ctx, connector)
	}
	if err != nil {
		return nil, err
	}
	s.logger.Info("offsets reset", "connector", connector.name)
	return &connectorv1.ResetOffsetsResponse{Message: resetMessage}, nil
}

func (s *service) alterSourceOffsets(ctx context.Context, connector string, offsets []*connectorv1.Offset) error {
	var records []*kgo.Record
	for i, offset := range offsets {
		field := fmt.Sprintf("offsets[%d]", i)
		if len(offset.GetPartition().GetFields()) == 0 {
			return invalidField(ReasonOffsetsInvalid, field+".partition", "The partition for a source connector offset cannot be null or missing")
		}
		partition, err := OffsetJSON(offset.GetPartition())
		if err != nil {
			return invalidField(ReasonOffsetsInvalid, field+".partition", err.Error())
		}
		fields, err := decodeObject(partition)
		if err != nil {
			return invalidField(ReasonOffsetsInvalid, field+".partition", err.Error())
		}
		record := &kgo.Record{Topic: s.config.OffsetsTopic, Key: OffsetKey(connector, fields)}
		if offset.GetOffset() != nil {
			if record.Value, err = OffsetJSON(offset.GetOffset()); err != nil {
				return invalidField(ReasonOffsetsInvalid, field+".offset", err.Error())
			}
		}
		records = append(records, record)
	}
	return s.writeSourceOffsets(ctx, records)
}

func (s *service) resetSourceOffsets(ctx context.Context, connector string) error {
	found, err := s.sourceOffsets(ctx, connector)
	if err != nil {
		return storeUnavailable(err)
	}
	var records []*kgo.Record
	for partition := range found {
		fields, err := decodeObject([]byte(partition))
		if err != nil {
			return storeUnavailable(err)
		}
		records = append(records, &kgo.Record{Topic: s.config.OffsetsTopic, Key: OffsetKey(connector, fields)})
	}
	return s.writeSourceOffsets(ctx, records)
}

// writeSourceOffsets uses a client of its own, with the default partitioner that source tasks use too.
func (s *service) writeSourceOffsets(ctx context.Context, records []*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, s.config.Kafka...), kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))...)
	if err != nil {
		return storeUnavailable(err)
	}
	defer client.Close()
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return storeUnavailable(fmt.Errorf("write to topic %s: %w", s.config.OffsetsTopic, err))
	}
	return nil
}

func (s *service) alterSinkOffsets(ctx context.Context, connector snapshot, offsets []*connectorv1.Offset) error {
	commits := kadm.Offsets{}
	removals := kadm.TopicsSet{}
	for i, offset := range offsets {
		field := fmt.Sprintf("offsets[%d]", i)
		partition := offset.GetPartition().GetFields()
		topic := partition[kafkaTopic].GetStringValue()
		if topic == "" {
			return invalidField(ReasonOffsetsInvalid, field+".partition."+kafkaTopic, "The partition for a sink connector offset must contain the name of a topic as 'kafka_topic'")
		}
		number, ok := wholeNumber(partition[kafkaPartition], math.MaxInt32)
		if !ok {
			return invalidField(ReasonOffsetsInvalid, field+".partition."+kafkaPartition, "The partition for a sink connector offset must contain the number of a partition as 'kafka_partition'")
		}
		if offset.GetOffset() == nil {
			removals.Add(topic, int32(number))
			continue
		}
		at, ok := wholeNumber(offset.GetOffset().GetFields()[kafkaOffset], exactInteger)
		if !ok {
			return invalidField(ReasonOffsetsInvalid, field+".offset."+kafkaOffset, "The offset for a sink connector must contain a non-negative number as 'kafka_offset'")
		}
		commits.AddOffset(topic, int32(number), at, -1)
	}
	group := s.groupOf(connector)
	if len(commits) > 0 {
		responses, err := s.store.admin.CommitOffsets(ctx, group, commits)
		if err != nil {
			return s.groupError(connector.name, group, err)
		}
		for _, response := range responses.Sorted() {
			if errors.Is(response.Err, kerr.UnknownTopicOrPartition) {
				return invalidField(ReasonOffsetsInvalid, "offsets", fmt.Sprintf("There is no partition with kafka_topic %.300q and kafka_partition %d", response.Topic, response.Partition))
			}
			if response.Err != nil {
				return s.groupError(connector.name, group, response.Err)
			}
		}
	}
	if len(removals) > 0 {
		responses, err := s.store.admin.DeleteOffsets(ctx, group, removals)
		if err == nil {
			err = responses.Error()
		}
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return s.groupError(connector.name, group, err)
		}
	}
	return nil
}

func (s *service) resetSinkOffsets(ctx context.Context, connector snapshot) error {
	group := s.groupOf(connector)
	responses, err := s.store.admin.DeleteGroups(ctx, group)
	if err == nil {
		err = responses.Error()
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return s.groupError(connector.name, group, err)
	}
	return nil
}

func (s *service) groupError(connector, group string, err error) error {
	switch {
	case errors.Is(err, kerr.NonEmptyGroup), errors.Is(err, kerr.UnknownMemberID), errors.Is(err, kerr.GroupSubscribedToTopic):
		return notStopped(connector, fmt.Sprintf("consumer group %s still has members, try again", group))
	}
	return storeUnavailable(fmt.Errorf("change the offsets of consumer group %s: %w", group, err))
}

// wholeNumber reads a number from 0 to most.
func wholeNumber(value *structpb.Value, most float64) (int64, bool) {
	number, ok := value.GetKind().(*structpb.Value_NumberValue)
	if !ok || number.NumberValue != math.Trunc(number.NumberValue) || number.NumberValue < 0 || number.NumberValue > most {
		return 0, false
	}
	return int64(number.NumberValue), true
}
