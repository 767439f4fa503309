package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/types/known/structpb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/kafka"
)

const (
	alteredMessage = "The offsets for this connector have been altered successfully"
	resetMessage   = "The offsets for this connector have been reset successfully"
	// unchangedMessage is ours: Kafka Connect has no way to ask.
	unchangedMessage = "Nothing was changed"
)

// The fields of a sink connector's offsets, as KIP-875 names them. The last is ours: what a sink
// records with an offset about the batches after it. It can be written but is not shown, so that
// writing back an offset that was read drops it.
const (
	kafkaTopic     = "kafka_topic"
	kafkaPartition = "kafka_partition"
	kafkaOffset    = "kafka_offset"
	sinkBatches    = "calypso_batches"
)

// offsets answers the calls about the positions of connectors.
type offsets struct{ fleet *fleet }

func (s *offsets) GetOffsets(ctx context.Context,
	request *connectorv1.GetOffsetsRequest) (*connectorv1.GetOffsetsResponse, error) {
	c, plugin, err := s.fleet.ours(request.GetName())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.fleet.config.StoreTimeout)
	defer cancel()
	response := &connectorv1.GetOffsetsResponse{}
	if plugin.Type == connector.Source {
		response.Offsets, err = s.getSourceOffsets(ctx, c.Name)
	} else {
		response.Offsets, err = s.getSinkOffsets(ctx, s.fleet.classes.Group(c))
	}
	if err != nil {
		return nil, storeUnavailable(err)
	}
	return response, nil
}

func (s *offsets) getSourceOffsets(ctx context.Context, name string) ([]*connectorv1.Offset, error) {
	found, err := s.fleet.store.Offsets.Offsets(ctx, name)
	if err != nil {
		return nil, err
	}
	var offsets []*connectorv1.Offset
	for _, partition := range slices.Sorted(maps.Keys(found)) {
		partitionMessage, err := connector.OffsetStruct([]byte(partition))
		if err != nil {
			return nil, err
		}
		offset, err := connector.OffsetStruct(found[partition])
		if err != nil {
			return nil, fmt.Errorf("offset of partition %s in topic %s: %w", partition, s.fleet.config.OffsetsTopic, err)
		}
		offsets = append(offsets, &connectorv1.Offset{Partition: partitionMessage, Offset: offset})
	}
	return offsets, nil
}

func (s *offsets) getSinkOffsets(ctx context.Context, group string) ([]*connectorv1.Offset, error) {
	found, err := s.fleet.store.Admin.FetchOffsets(ctx, group)
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
				kafkaTopic:     structpb.NewStringValue(offset.Topic),
				kafkaPartition: structpb.NewNumberValue(float64(offset.Partition))}},
			Offset: &structpb.Struct{Fields: map[string]*structpb.Value{kafkaOffset: structpb.NewNumberValue(
				float64(offset.At))}},
		})
	}
	return offsets, nil
}

// stopped finds a connector whose offsets may be changed: its target is STOPPED and its tasks have
// ended.
func (s *offsets) stopped(name string) (state.Connector, connector.Plugin, error) {
	c, plugin, err := s.fleet.ours(name)
	if err != nil {
		return c, plugin, err
	}
	if c.Target != state.TargetStopped {
		return c, plugin, notStopped(c.Name, "")
	}
	if said := c.Statuses.Connector; said == nil || said.State != state.Stopped || len(c.Statuses.Tasks) > 0 {
		return c, plugin, notStopped(c.Name, "it is being stopped; its tasks have not ended yet, try again")
	}
	return c, plugin, nil
}

func (s *offsets) AlterOffsets(ctx context.Context,
	request *connectorv1.AlterOffsetsRequest) (*connectorv1.AlterOffsetsResponse, error) {
	offsets := request.GetOffsets()
	if len(offsets) == 0 {
		return nil, invalidField(connector.ReasonOffsetsInvalid, "offsets",
			"Partitions / offsets need to be provided for an alter offsets request")
	}
	message, repeats, err := s.change(ctx, request, alteredMessage,
		func(ctx context.Context, c state.Connector, plugin connector.Plugin) error {
			if plugin.Type == connector.Source {
				return s.alterSourceOffsets(ctx, c, plugin, offsets)
			}
			return s.alterSinkOffsets(ctx, c, offsets)
		})
	if err != nil {
		return nil, err
	}
	return &connectorv1.AlterOffsetsResponse{Message: message, Consequences: repeats}, nil
}

func (s *offsets) ResetOffsets(ctx context.Context,
	request *connectorv1.ResetOffsetsRequest) (*connectorv1.ResetOffsetsResponse, error) {
	message, repeats, err := s.change(ctx, request, resetMessage,
		func(ctx context.Context, c state.Connector, plugin connector.Plugin) error {
			if plugin.Type == connector.Source {
				return s.resetSourceOffsets(ctx, c.Name)
			}
			return s.resetSinkOffsets(ctx, c)
		})
	if err != nil {
		return nil, err
	}
	return &connectorv1.ResetOffsetsResponse{Message: message, Consequences: repeats}, nil
}

// changeRequest is a request to change the offsets of a connector, or only to say what that would
// lead to.
type changeRequest interface {
	GetName() string
	GetValidateOnly() bool
}

// change calls apply to change the offsets of a connector, which must be stopped, and returns the
// message done together with what will come again. A request that only validates gets the latter,
// and changes nothing.
func (s *offsets) change(ctx context.Context, request changeRequest, done string,
	apply func(context.Context, state.Connector, connector.Plugin) error) (message string, repeats []string, err error) {
	if request.GetValidateOnly() {
		_, plugin, err := s.fleet.ours(request.GetName())
		return unchangedMessage, plugin.Repeats, err
	}
	s.fleet.changing.Lock()
	defer s.fleet.changing.Unlock()
	c, plugin, err := s.stopped(request.GetName())
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.fleet.config.StoreTimeout)
	defer cancel()
	if err := apply(ctx, c, plugin); err != nil {
		return "", nil, err
	}
	s.fleet.logger.Info("offsets changed", "connector", c.Name, "message", done)
	return done, plugin.Repeats, nil
}

func (s *offsets) alterSourceOffsets(ctx context.Context, c state.Connector, plugin connector.Plugin,
	offsets []*connectorv1.Offset) error {
	values := s.fleet.classes.StoredValues(plugin, c)
	var records []*kgo.Record
	for i, offset := range offsets {
		field := fmt.Sprintf("offsets[%d]", i)
		if len(offset.GetPartition().GetFields()) == 0 {
			return invalidField(connector.ReasonOffsetsInvalid, field+".partition",
				"The partition for a source connector offset cannot be null or missing")
		}
		partition, err := connector.OffsetJSON(offset.GetPartition())
		if err != nil {
			return invalidField(connector.ReasonOffsetsInvalid, field+".partition", err.Error())
		}
		key, err := connector.OffsetKeyOf(c.Name, partition)
		if err != nil {
			return invalidField(connector.ReasonOffsetsInvalid, field+".partition", err.Error())
		}
		record := &kgo.Record{Topic: s.fleet.config.OffsetsTopic, Key: key}
		if offset.GetOffset() != nil {
			if record.Value, err = connector.OffsetJSON(offset.GetOffset()); err != nil {
				return invalidField(connector.ReasonOffsetsInvalid, field+".offset", err.Error())
			}
			if plugin.Offset != nil {
				if problem := plugin.Offset(values, partition, record.Value); problem != nil {
					return invalidField(connector.ReasonOffsetsInvalid, field+"."+problem.Key, problem.Message)
				}
			}
		}
		records = append(records, record)
	}
	return s.writeSourceOffsets(ctx, records)
}

func (s *offsets) resetSourceOffsets(ctx context.Context, name string) error {
	found, err := s.fleet.store.Offsets.Offsets(ctx, name)
	if err != nil {
		return storeUnavailable(err)
	}
	var records []*kgo.Record
	for partition := range found {
		key, err := connector.OffsetKeyOf(name, []byte(partition))
		if err != nil {
			return storeUnavailable(err)
		}
		records = append(records, &kgo.Record{Topic: s.fleet.config.OffsetsTopic, Key: key})
	}
	return s.writeSourceOffsets(ctx, records)
}

// writeSourceOffsets uses a client of its own, with the default partitioner that source tasks use too.
func (s *offsets) writeSourceOffsets(ctx context.Context, records []*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, s.fleet.config.Kafka...), kgo.DisableIdempotentWrite(),
		kgo.MaxProduceRequestsInflightPerBroker(1), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	if err != nil {
		return storeUnavailable(err)
	}
	defer client.Close()
	if err := kafka.Produce(ctx, client, records...); err != nil {
		return storeUnavailable(fmt.Errorf("write to topic %s: %w", s.fleet.config.OffsetsTopic, err))
	}
	return nil
}

func (s *offsets) alterSinkOffsets(ctx context.Context, c state.Connector, offsets []*connectorv1.Offset) error {
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
		commits.Add(kadm.Offset{Topic: topic, Partition: number, At: at, LeaderEpoch: -1,
			Metadata: offset.GetOffset().GetFields()[sinkBatches].GetStringValue()})
	}
	group := s.fleet.classes.Group(c)
	if len(commits) > 0 {
		responses, err := s.fleet.store.Admin.CommitOffsets(ctx, group, commits)
		if err != nil {
			return s.groupError(c.Name, group, err)
		}
		for _, response := range responses.Sorted() {
			if errors.Is(response.Err, kerr.UnknownTopicOrPartition) {
				return invalidField(connector.ReasonOffsetsInvalid, "offsets",
					fmt.Sprintf("There is no partition with kafka_topic %.300q and kafka_partition %d", response.Topic,
						response.Partition))
			}
			if response.Err != nil {
				return s.groupError(c.Name, group, response.Err)
			}
		}
	}
	if len(removals) > 0 {
		responses, err := s.fleet.store.Admin.DeleteOffsets(ctx, group, removals)
		if err == nil {
			err = responses.Error()
		}
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return s.groupError(c.Name, group, err)
		}
	}
	var notes []string
	for topic, partitions := range removals {
		for partition := range partitions {
			notes = append(notes, connector.CommittedNote(topic, partition))
		}
	}
	return s.noteChosen(ctx, c.Name, notes)
}

// noteChosen replaces the notes that offsets of partitions were committed by notes that they were
// removed on purpose, so that the partitions are read from their beginning. The notes are written
// after the offsets: a failure in between then leads to an error, and not to rows that come twice.
func (s *offsets) noteChosen(ctx context.Context, name string, notes []string) error {
	if len(notes) == 0 {
		return nil
	}
	var entries []state.Entry
	for _, note := range notes {
		entry, err := state.Note(name, note, json.RawMessage("{}"))
		if err != nil {
			return err
		}
		entries = append(entries, entry)
	}
	if err := s.fleet.store.Append(ctx, s.fleet.config.StatusTopic, name, entries...); err != nil {
		return storeUnavailable(err)
	}
	return nil
}

// sinkPartition reads the partition of a sink's offset; errors are in the words of Kafka Connect (SinkUtils) where it
// has some.
func sinkPartition(field string, object *structpb.Struct) (topic string, partition int32, err error) {
	if object == nil {
		return "", 0, invalidField(connector.ReasonOffsetsInvalid, field,
			"The partition for a sink connector offset cannot be null or missing")
	}
	name, named := object.GetFields()[kafkaTopic]
	number, numbered := object.GetFields()[kafkaPartition]
	if !named || !numbered {
		return "", 0, invalidField(connector.ReasonOffsetsInvalid, field,
			"The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'")
	}
	if topic = name.GetStringValue(); topic == "" {
		return "", 0, invalidField(connector.ReasonOffsetsInvalid, field+"."+kafkaTopic,
			"The partition for a sink connector offset must contain the name of a topic as 'kafka_topic'")
	}
	n, err := wholeNumber(number)
	if err != nil {
		return "", 0, invalidField(connector.ReasonOffsetsInvalid, field+"."+kafkaPartition, fmt.Sprintf(
			"Failed to parse the following Kafka partition value in the provided offsets: '%.100v'. Partition values for sink connectors need to be integers.", number.AsInterface()))
	}
	if n < 0 || n > math.MaxInt32 {
		return "", 0, invalidField(connector.ReasonOffsetsInvalid, field+"."+kafkaPartition,
			"The 'kafka_partition' of a sink connector offset must be the number of a partition, 0 or more")
	}
	return topic, int32(n), nil
}

// sinkOffset reads the position of a sink's offset; see sinkPartition.
func sinkOffset(field string, object *structpb.Struct) (int64, error) {
	given, ok := object.GetFields()[kafkaOffset]
	if !ok {
		return 0, invalidField(connector.ReasonOffsetsInvalid, field,
			"The offset for a sink connector should either be null or contain the key 'kafka_offset'")
	}
	at, err := wholeNumber(given)
	if err != nil {
		return 0, invalidField(connector.ReasonOffsetsInvalid, field+"."+kafkaOffset, fmt.Sprintf(
			"Failed to parse the following Kafka offset value in the provided offsets: '%.100v'. Offset values for sink connectors need to be integers.", given.AsInterface()))
	}
	if at < 0 {
		return 0, invalidField(connector.ReasonOffsetsInvalid, field+"."+kafkaOffset,
			"The 'kafka_offset' of a sink connector offset must be 0 or more")
	}
	return at, nil
}

func (s *offsets) resetSinkOffsets(ctx context.Context, c state.Connector) error {
	group := s.fleet.classes.Group(c)
	responses, err := s.fleet.store.Admin.DeleteGroups(ctx, group)
	if err == nil {
		err = responses.Error()
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return s.groupError(c.Name, group, err)
	}
	notes := slices.DeleteFunc(slices.Collect(maps.Keys(s.fleet.store.Known.StatusesOf(c.Name).Notes)),
		func(note string) bool { return !connector.IsCommittedNote(note) })
	return s.noteChosen(ctx, c.Name, append(notes, connector.ReadAgainNote))
}

func (s *offsets) groupError(name, group string, err error) error {
	switch {
	case errors.Is(err, kerr.NonEmptyGroup), errors.Is(err, kerr.UnknownMemberID),
		errors.Is(err, kerr.GroupSubscribedToTopic):
		return notStopped(name, fmt.Sprintf("consumer group %s still has members, try again", group))
	}
	return storeUnavailable(fmt.Errorf("change the offsets of consumer group %s: %w", group, err))
}

// exactDouble is the largest magnitude up to which a double, and so a number of a Struct, holds every integer.
const exactDouble = 1 << 53

// wholeNumber reads an integer, or a text that is one, as Kafka Connect does.
func wholeNumber(value *structpb.Value) (int64, error) {
	switch kind := value.GetKind().(type) {
	case *structpb.Value_NumberValue:
		if kind.NumberValue == math.Trunc(kind.NumberValue) && math.Abs(kind.NumberValue) <= exactDouble {
			return int64(kind.NumberValue), nil
		}
	case *structpb.Value_StringValue:
		return strconv.ParseInt(kind.StringValue, 10, 64)
	}
	return 0, strconv.ErrSyntax
}
