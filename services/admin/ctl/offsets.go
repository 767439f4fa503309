package ctl

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/shell"
	"github.com/calypso-cdc/calypso/services/admin/checks"
)

// The fields of a sink's partitions and offsets.
const (
	kafkaTopic     = "kafka_topic"
	kafkaPartition = "kafka_partition"
	kafkaOffset    = "kafka_offset"
	sinkBatches    = "calypso_batches"
)

// offsetsCommand shows where a connector is, and moves it.
func offsetsCommand(s *session) *cobra.Command {
	root := &cobra.Command{Use: "offsets",
		Short: "Show how far a connector is, or move it: back to the beginning, or to a position"}
	root.AddCommand(getOffsetsCommand(s), setOffsetsCommand(s), resetOffsetsCommand(s), recoverOffsetsCommand(s))
	return root
}

func getOffsetsCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "get CONNECTOR", Short: "Show each partition with its position; as JSON in the form that set reads",
		Args: exactly(1), ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := s.connectors().GetOffsets(cmd.Context(), &connectorv1.GetOffsetsRequest{Name: args[0]})
			if err != nil {
				return err
			}
			lines := make([][2]string, len(r.Offsets))
			for i, o := range r.Offsets {
				if lines[i], err = offsetText(o); err != nil {
					return err
				}
			}
			return s.show(r, func(t *table) {
				t.row("PARTITION", "OFFSET")
				for _, l := range lines {
					t.row(l[0], l[1])
				}
			})
		},
	}
}

func offsetText(o *connectorv1.Offset) (line [2]string, err error) {
	partition, err := connector.OffsetJSON(o.GetPartition())
	if err != nil {
		return line, fmt.Errorf("read a partition: %w", err)
	}
	position, err := connector.OffsetJSON(o.GetOffset())
	if err != nil {
		return line, fmt.Errorf("read the offset of %s: %w", partition, err)
	}
	return [2]string{string(partition), string(position)}, nil
}

func setOffsetsCommand(s *session) *cobra.Command {
	var file string
	set := &cobra.Command{
		Use:   "set CONNECTOR",
		Short: "Move a connector to the positions of a file in the form of get -o json or of Kafka Connect's REST",
		Args:  exactly(1), ValidArgsFunction: s.names,
	}
	yes := confirmation(set)
	set.Flags().StringVarP(&file, "file", "f", "",
		"file with {\"offsets\": [{\"partition\": …, \"offset\": …}]}; - is standard input, an offset of null forgets the partition")
	_ = set.MarkFlagRequired("file") // the flag is there
	set.RunE = func(cmd *cobra.Command, args []string) error {
		offsets, err := readOffsets(s, file)
		if err != nil {
			return err
		}
		return moveOffsets(cmd.Context(), s, args[0], *yes, func(ctx context.Context, validateOnly bool) (moved, error) {
			return s.connectors().AlterOffsets(ctx, &connectorv1.AlterOffsetsRequest{Name: args[0], Offsets: offsets,
				ValidateOnly: validateOnly})
		})
	}
	return set
}

// readOffsets reads offsets as REST and get -o json write them.
func readOffsets(s *session, path string) ([]*connectorv1.Offset, error) {
	content, err := s.read(path)
	if err != nil {
		return nil, err
	}
	var list struct {
		Offsets []struct {
			Partition, Offset json.RawMessage
		}
	}
	if err := json.Unmarshal(content, &list); err != nil {
		return nil, fmt.Errorf("%w: read %s: %w", errUsage, path, err)
	}
	var offsets []*connectorv1.Offset
	for _, one := range list.Offsets {
		o := &connectorv1.Offset{}
		if o.Partition, err = connector.OffsetStruct(one.Partition); err == nil && len(one.Offset) > 0 &&
			string(one.Offset) != "null" {
			o.Offset, err = connector.OffsetStruct(one.Offset)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: read %s: %w", errUsage, path, err)
		}
		offsets = append(offsets, o)
	}
	return offsets, nil
}

func resetOffsetsCommand(s *session) *cobra.Command {
	var topics []string
	reset := &cobra.Command{
		Use:   "reset CONNECTOR",
		Short: "Forget where a connector is: a source reads its tables again, a sink its topics; says first what comes twice",
		Args:  exactly(1), ValidArgsFunction: s.names,
	}
	yes := confirmation(reset)
	reset.Flags().StringArrayVar(&topics, "topic", nil, "of a sink, only this topic; may be given more than once")
	reset.RunE = func(cmd *cobra.Command, args []string) error {
		if len(topics) == 0 {
			return moveOffsets(cmd.Context(), s, args[0], *yes, func(ctx context.Context, validateOnly bool) (moved, error) {
				return s.connectors().ResetOffsets(ctx, &connectorv1.ResetOffsetsRequest{Name: args[0], ValidateOnly: validateOnly})
			})
		}
		forget, err := partitionsOf(cmd.Context(), s, args[0], topics)
		if err != nil {
			return err
		}
		if len(forget) == 0 {
			return fmt.Errorf("%w: %s has no offsets of topic %s, and does not read it; calypsoctl offsets get %[2]s shows those that it has",
				errUsage, shell.Quote(args[0]), strings.Join(topics, ", "))
		}
		return moveOffsets(cmd.Context(), s, args[0], *yes, func(ctx context.Context, validateOnly bool) (moved, error) {
			return s.connectors().AlterOffsets(ctx, &connectorv1.AlterOffsetsRequest{Name: args[0], Offsets: forget,
				ValidateOnly: validateOnly})
		})
	}
	return reset
}

// partitionsOf returns the partitions of a sink's topics whose offsets are to be removed: those
// that it has offsets of, and those that it reads without having any.
func partitionsOf(ctx context.Context, s *session, name string, topics []string) (forget []*connectorv1.Offset,
	err error) {
	known := map[string]bool{}
	add := func(topic string, partition int32) {
		if key := fmt.Sprintf("%s/%d", topic, partition); slices.Contains(topics, topic) && !known[key] {
			known[key] = true
			forget = append(forget, &connectorv1.Offset{Partition: sinkPartition(topic, partition)})
		}
	}
	r, err := s.connectors().GetOffsets(ctx, &connectorv1.GetOffsetsRequest{Name: name})
	if err != nil {
		return nil, err
	}
	for _, o := range r.Offsets {
		fields := o.GetPartition().GetFields()
		add(fields[kafkaTopic].GetStringValue(), int32(fields[kafkaPartition].GetNumberValue()))
	}
	// A source has no partitions; if the sink cannot be asked, those of its consumer group are all
	// that is known.
	if sink, err := s.sinks().GetSink(ctx, &sinkv1.GetSinkRequest{Connector: name}); err == nil {
		for _, p := range sink.GetSink().GetPartitions() {
			add(p.Topic, p.Partition)
		}
	}
	if len(forget) == 0 {
		if proven, err := s.sinks().GetProvenOffsets(ctx, &sinkv1.GetProvenOffsetsRequest{Connector: name}); err == nil {
			for _, o := range proven.Offsets {
				add(o.Topic, o.Partition)
			}
		}
	}
	return forget, nil
}

// sinkPartition names a partition as the offsets of sinks do.
func sinkPartition(topic string, partition int32) *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{kafkaTopic: structpb.NewStringValue(topic),
		kafkaPartition: structpb.NewNumberValue(float64(partition))}}
}

// recoverOffsetsCommand makes a sink whose offsets the brokers have forgotten go on where it was.
func recoverOffsetsCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recover CONNECTOR",
		Short: "Make a sink whose offsets are lost go on where the extents of its tables prove that it was; exit status 1 if nothing is proven for some partitions",
		Args:  exactly(1), ValidArgsFunction: s.names,
	}
	yes := confirmation(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := s.sinks().GetProvenOffsets(cmd.Context(), &sinkv1.GetProvenOffsetsRequest{Connector: args[0]})
		if err != nil {
			return err
		}
		var offsets []*connectorv1.Offset
		unproven := 0
		for _, o := range r.Offsets {
			if provenFault(o) != "" {
				unproven++
				continue
			}
			fields := map[string]*structpb.Value{kafkaOffset: structpb.NewStringValue(strconv.FormatInt(o.Offset, 10))}
			if o.Batches != "" {
				fields[sinkBatches] = structpb.NewStringValue(o.Batches)
			}
			offsets = append(offsets, &connectorv1.Offset{Partition: sinkPartition(o.Topic, o.Partition),
				Offset: &structpb.Struct{Fields: fields}})
		}
		if *yes && len(offsets) > 0 {
			err := whileStopped(cmd.Context(), s, args[0], func(ctx context.Context) error {
				_, err := s.connectors().AlterOffsets(ctx, &connectorv1.AlterOffsetsRequest{Name: args[0], Offsets: offsets})
				return err
			})
			if err != nil {
				return err
			}
		}
		err = s.show(r, func(t *table) {
			if len(r.Offsets) == 0 {
				t.row(fmt.Sprintf("Nothing is lost: %s has an offset of each partition of its topics.", args[0]))
				return
			}
			t.row("TOPIC", "PARTITION", "OFFSET", "END", "BATCHES SENT AGAIN", "")
			for _, o := range r.Offsets {
				at := strconv.FormatInt(o.Offset, 10)
				if o.Offset < 0 {
					at = ""
				}
				t.row(o.Topic, o.Partition, at, o.End, batchesIn(o.Batches), provenFault(o))
			}
			switch {
			case len(offsets) == 0:
			case *yes:
				t.row(fmt.Sprintf("%s goes on there.", args[0]))
			default:
				t.row("--yes has it go on there: nothing is lost, and of batches that are sent again the tables take those that they lack.")
			}
		})
		if err == nil && unproven > 0 {
			return fmt.Errorf("%w: of %s it is not proven where %s was: set those offsets (calypsoctl offsets set), or read their topics from the beginning (calypsoctl offsets reset --topic)",
				errDifferent, checks.Plural(unproven, "partition", "partitions"), args[0])
		}
		return err
	}
	return cmd
}

// provenFault is why a sink may not go on at a proven offset without a decision; empty if it may.
func provenFault(o *sinkv1.ProvenOffset) string {
	switch {
	case o.Offset < 0:
		return "no table has a batch of it"
	case o.Offset < o.Begin:
		return fmt.Sprintf("its records before %d are gone", o.Begin)
	case o.Offset > o.End:
		return "ends before what tables have: the topic was made again, or lost records"
	}
	return ""
}

// batchesIn is how many batches a note has.
func batchesIn(note string) int {
	lengths := note[strings.LastIndexByte(note, ':')+1:]
	if lengths == "" {
		return 0
	}
	return 1 + strings.Count(lengths, ",")
}

// confirmation gives a command the flag --yes, without which it only says what would follow.
func confirmation(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("yes", false,
		"do it; without it, only the consequences are shown. A running connector is stopped for it and resumed")
}

// moved is the answer to a change of offsets.
type moved interface {
	proto.Message
	GetMessage() string
	GetConsequences() []string
}

// move is a change of offsets; with validateOnly only what would follow from it.
type move func(ctx context.Context, validateOnly bool) (moved, error)

// moveOffsets makes a change of offsets if it is wanted, and otherwise says what would follow from it.
func moveOffsets(ctx context.Context, s *session, name string, yes bool, change move) error {
	if yes {
		return makeMove(ctx, s, name, change)
	}
	return planMove(ctx, s, change)
}

func planMove(ctx context.Context, s *session, change move) error {
	plan, err := change(ctx, true)
	if err != nil {
		return err
	}
	if err := showMove(s, plan); err != nil || s.output == "json" {
		return err
	}
	_, err = fmt.Fprintln(s.out, "--yes does it.")
	return err
}

// makeMove makes a change: of a connector that runs, between a stop and a resume.
func makeMove(ctx context.Context, s *session, name string, change move) error {
	var done moved
	err := whileStopped(ctx, s, name, func(ctx context.Context) (err error) {
		done, err = change(ctx, false)
		return err
	})
	if err != nil {
		return err
	}
	return showMove(s, done)
}

// whileStopped makes a change for which a connector must be stopped, and then returns the connector
// to the state that it was in.
func whileStopped(ctx context.Context, s *session, name string, change func(context.Context) error) error {
	before, err := s.connectors().GetConnectorStatus(ctx, &connectorv1.GetConnectorStatusRequest{Name: name})
	if err != nil {
		return err
	}
	was := before.GetStatus().GetState()
	if was == connectorv1.State_STATE_STOPPED {
		return change(ctx)
	}
	if _, err := s.connectors().StopConnector(ctx, &connectorv1.StopConnectorRequest{Name: name}); err != nil {
		return err
	}
	if err := awaitStop(ctx, s, name); err != nil {
		return err
	}
	err = change(ctx)
	resume := func() error {
		_, err := s.connectors().ResumeConnector(ctx, &connectorv1.ResumeConnectorRequest{Name: name})
		return err
	}
	if was == connectorv1.State_STATE_PAUSED {
		resume = func() error {
			_, err := s.connectors().PauseConnector(ctx, &connectorv1.PauseConnectorRequest{Name: name})
			return err
		}
	}
	return cmp.Or(err, resume())
}

// awaitStop waits until the tasks of a connector have ended.
func awaitStop(ctx context.Context, s *session, name string) error {
	const patience = 2 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		r, err := s.connectors().GetConnectorStatus(ctx, &connectorv1.GetConnectorStatusRequest{Name: name})
		if err != nil {
			return err
		}
		if r.GetStatus().GetState() == connectorv1.State_STATE_STOPPED && len(r.GetStatus().GetTasks()) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %s has not stopped within %v; its offsets are as they were", errDifferent, name, patience)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func showMove(s *session, m moved) error {
	if s.output == "json" {
		return s.line(m)
	}
	fmt.Fprintf(s.out, "%s.\n", m.GetMessage())
	for _, c := range m.GetConsequences() {
		fmt.Fprintf(s.out, "- %s\n", c)
	}
	return nil
}
