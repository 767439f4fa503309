package connector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/types/known/structpb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector/state"
)

const (
	alteredMessage = "The offsets for this connector have been altered successfully"
	resetMessage   = "The offsets for this connector have been reset successfully"
	// unchangedMessage is ours: Kafka Connect has no way to ask.
	unchangedMessage = "Nothing was changed"
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
		response.Offsets, err = s.getSourceOffsets(ctx, connector.Name)
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
func (s *service) groupOf(connector state.Connector) string {
	resolved, _ := s.config.References.Resolve(connector.Config)
	override := map[string]string{}
	for key, value := range resolved {
		if rest, ok := strings.CutPrefix(key, "consumer.override."); ok {
			override[rest] = value
		}
	}
	return consumerGroup(connector.Name, override)
}

// stopped finds a connector whose offsets may be changed: it is to be stopped and its tasks have ended.
func (s *service) stopped(name string) (state.Connector, Plugin, error) {
	connector, plugin, err := s.ours(name)
	if err != nil {
		return connector, plugin, err
	}
	if connector.Target != state.TargetStopped {
		return connector, plugin, notStopped(connector.Name, "")
	}
	if said := connector.Statuses.Connector; said == nil || said.State != state.Stopped || len(connector.Statuses.Tasks) > 0 {
		return connector, plugin, notStopped(connector.Name, "it is being stopped; its tasks have not ended yet, try again")
	}
	return connector, plugin, nil
}

func (s *service) AlterOffsets(ctx context.Context, request *connectorv1.AlterOffsetsRequest) (*connectorv1.AlterOffsetsResponse, error) {
	if len(request.GetOffsets()) == 0 {
		return nil, invalidField(ReasonOffsetsInvalid, "offsets", "Partitions / offsets need to be provided for an alter offsets request")
	}
	if request.GetValidateOnly() {
		_, plugin, err := s.ours(request.GetName())
		return &connectorv1.AlterOffsetsResponse{Message: unchangedMessage, Consequences: plugin.Repeats}, err
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
		err = s.alterSourceOffsets(ctx, connector, plugin, request.GetOffsets())
	} else {
		err = s.alterSinkOffsets(ctx, connector, request.GetOffsets())
	}
	if err != nil {
		return nil, err
	}
	s.logger.Info("offsets altered", "connector", connector.Name, "partitions", len(request.GetOffsets()))
	return &connectorv1.AlterOffsetsResponse{Message: alteredMessage, Consequences: plugin.Repeats}, nil
}

func (s *service) ResetOffsets(ctx context.Context, request *connectorv1.ResetOffsetsRequest) (*connectorv1.ResetOffsetsResponse, error) {
	if request.GetValidateOnly() {
		_, plugin, err := s.ours(request.GetName())
		return &connectorv1.ResetOffsetsResponse{Message: unchangedMessage, Consequences: plugin.Repeats}, err
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
		err = s.resetSourceOffsets(ctx, connector.Name)
	} else {
		err = s.resetSinkOffsets(ctx, connector)
	}
	if err != nil {
		return nil, err
	}
	s.logger.Info("offsets reset", "connector", connector.Name)
	return &connectorv1.ResetOffsetsResponse{Message: resetMessage, Consequences: plugin.Repeats}, nil
}

func (s *service) alterSourceOffsets(ctx context.Context, connector state.Connector, plugin Plugin, offsets []*connectorv1.Offset) error {
	values := s.storedValues(plugin, connector)
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
		record := &kgo.Record{Topic: s.config.OffsetsTopic, Key: OffsetKey(connector.Name, fields)}
		if offset.GetOffset() != nil {
			if record.Value, err = OffsetJSON(offset.GetOffset()); err != nil {
				return invalidField(ReasonOffsetsInvalid, field+".offset", err.Error())
			}
			if plugin.Offset != nil {
				if problem := plugin.Offset(values, partition, record.Value); problem != nil {
					return invalidField(ReasonOffsetsInvalid, field+"."+problem.Key, problem.Message)
				}
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
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, s.config.Kafka...), kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	if err != nil {
		return storeUnavailable(err)
	}
	defer client.Close()
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return storeUnavailable(fmt.Errorf("write to topic %s: %w", s.config.OffsetsTopic, err))
	}
	return nil
}

func (s *service) alterSinkOffsets(ctx context.Context, connector state.Connector, offsets []*connectorv1.Offset) error {
	commits := kadm.Offsets{}
	removals := kadm.TopicsSet{}
	for i, offset := range offsets {
		field := fmt.Sprintf("offsets[%d]", i)
		topic, number, err := sinkPartition(field+".partition", offset.GetPartition())
		if err != nil {
			return err
		}
		if offset.GetOffset() == nil {
			removals.Add(topic, number)
			continue
		}
		at, err := sinkOffset(field+".offset", offset.GetOffset())
		if err != nil {
			return err
		}
		commits.AddOffset(topic, number, at, -1)
	}
	group := s.groupOf(connector)
	if len(commits) > 0 {
		responses, err := s.store.admin.CommitOffsets(ctx, group, commits)
		if err != nil {
			return s.groupError(connector.Name, group, err)
		}
		for _, response := range responses.Sorted() {
			if errors.Is(response.Err, kerr.UnknownTopicOrPartition) {
				return invalidField(ReasonOffsetsInvalid, "offsets", fmt.Sprintf("There is no partition with kafka_topic %.300q and kafka_partition %d", response.Topic, response.Partition))
			}
			if response.Err != nil {
				return s.groupError(connector.Name, group, response.Err)
			}
		}
	}
	if len(removals) > 0 {
		responses, err := s.store.admin.DeleteOffsets(ctx, group, removals)
		if err == nil {
			err = responses.Error()
		}
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return s.groupError(connector.Name, group, err)
		}
	}
	return nil
}

// sinkPartition reads the partition of a sink's offset; errors are in the words of Kafka Connect (SinkUtils) where it has some.
func sinkPartition(field string, object *structpb.Struct) (topic string, partition int32, err error) {
	if object == nil {
		return "", 0, invalidField(ReasonOffsetsInvalid, field, "The partition for a sink connector offset cannot be null or missing")
	}
	name, named := object.GetFields()[kafkaTopic]
	number, numbered := object.GetFields()[kafkaPartition]
	if !named || !numbered {
		return "", 0, invalidField(ReasonOffsetsInvalid, field, "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'")
	}
	if topic = name.GetStringValue(); topic == "" {
		return "", 0, invalidField(ReasonOffsetsInvalid, field+"."+kafkaTopic, "The partition for a sink connector offset must contain the name of a topic as 'kafka_topic'")
	}
	n, err := wholeNumber(number)
	if err != nil {
		return "", 0, invalidField(ReasonOffsetsInvalid, field+"."+kafkaPartition, fmt.Sprintf(
			"Failed to parse the following Kafka partition value in the provided offsets: '%.100v'. Partition values for sink connectors need to be integers.", number.AsInterface()))
	}
	if n < 0 || n > math.MaxInt32 {
		return "", 0, invalidField(ReasonOffsetsInvalid, field+"."+kafkaPartition, "The 'kafka_partition' of a sink connector offset must be the number of a partition, 0 or more")
	}
	return topic, int32(n), nil
}

// sinkOffset reads the position of a sink's offset; see sinkPartition.
func sinkOffset(field string, object *structpb.Struct) (int64, error) {
	given, ok := object.GetFields()[kafkaOffset]
	if !ok {
		return 0, invalidField(ReasonOffsetsInvalid, field, "The offset for a sink connector should either be null or contain the key 'kafka_offset'")
	}
	at, err := wholeNumber(given)
	if err != nil {
		return 0, invalidField(ReasonOffsetsInvalid, field+"."+kafkaOffset, fmt.Sprintf(
			"Failed to parse the following Kafka offset value in the provided offsets: '%.100v'. Offset values for sink connectors need to be integers.", given.AsInterface()))
	}
	if at < 0 {
		return 0, invalidField(ReasonOffsetsInvalid, field+"."+kafkaOffset, "The 'kafka_offset' of a sink connector offset must be 0 or more")
	}
	return at, nil
}

func (s *service) resetSinkOffsets(ctx context.Context, connector state.Connector) error {
	group := s.groupOf(connector)
	responses, err := s.store.admin.DeleteGroups(ctx, group)
	if err == nil {
		err = responses.Error()
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return s.groupError(connector.Name, group, err)
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

// wholeNumber reads an integer, or a text that is one, as Kafka Connect does.
func wholeNumber(value *structpb.Value) (int64, error) {
	switch kind := value.GetKind().(type) {
	case *structpb.Value_NumberValue:
		if kind.NumberValue == math.Trunc(kind.NumberValue) && math.Abs(kind.NumberValue) <= exactInteger {
			return int64(kind.NumberValue), nil
		}
	case *structpb.Value_StringValue:
		return strconv.ParseInt(kind.StringValue, 10, 64)
	}
	return 0, strconv.ErrSyntax
}
