package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

// kafkaTopic is the field of a sink's partition that names the topic.
const kafkaTopic = "kafka_topic"

// offsetsCommand shows where a connector is, and moves it.
func offsetsCommand(s *session) *cobra.Command {
	root := &cobra.Command{Use: "offsets",
		Short: "Show how far a connector is, or move it: back to the beginning, or to a position"}
	root.AddCommand(getOffsetsCommand(s), setOffsetsCommand(s), resetOffsetsCommand(s))
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
		return line, fmt.Errorf("reading a partition: %w", err)
	}
	position, err := connector.OffsetJSON(o.GetOffset())
	if err != nil {
		return line, fmt.Errorf("reading the offset of %s: %w", partition, err)
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
	var content []byte
	var err error
	if path == "-" {
		content, err = io.ReadAll(s.in)
	} else {
		content, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: reading %s: %w", errUsage, path, err)
	}
	var list struct {
		Offsets []struct {
			Partition, Offset json.RawMessage
		}
	}
	if err := json.Unmarshal(content, &list); err != nil {
		return nil, fmt.Errorf("%w: reading %s: %w", errUsage, path, err)
	}
	var offsets []*connectorv1.Offset
	for _, one := range list.Offsets {
		o := &connectorv1.Offset{}
		if o.Partition, err = connector.OffsetStruct(one.Partition); err == nil && len(one.Offset) > 0 &&
			string(one.Offset) != "null" {
			o.Offset, err = connector.OffsetStruct(one.Offset)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: reading %s: %w", errUsage, path, err)
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
	reset.Flags().StringSliceVar(&topics, "topic", nil, "of a sink, only this topic; may be given more than once")
	reset.RunE = func(cmd *cobra.Command, args []string) error {
		if len(topics) == 0 {
			return moveOffsets(cmd.Context(), s, args[0], *yes, func(ctx context.Context, validateOnly bool) (moved, error) {
				return s.connectors().ResetOffsets(ctx, &connectorv1.ResetOffsetsRequest{Name: args[0], ValidateOnly: validateOnly})
			})
		}
		r, err := s.connectors().GetOffsets(cmd.Context(), &connectorv1.GetOffsetsRequest{Name: args[0]})
		if err != nil {
			return err
		}
		var forget []*connectorv1.Offset
		for _, o := range r.Offsets {
			for _, topic := range topics {
				if o.GetPartition().GetFields()[kafkaTopic].GetStringValue() == topic {
					forget = append(forget, &connectorv1.Offset{Partition: o.Partition})
				}
			}
		}
		if len(forget) == 0 {
			return fmt.Errorf("%w: %s has no offsets of topic %s; calypsoctl offsets get %[2]s shows those that it has",
				errUsage, args[0], strings.Join(topics, ", "))
		}
		return moveOffsets(cmd.Context(), s, args[0], *yes, func(ctx context.Context, validateOnly bool) (moved, error) {
			return s.connectors().AlterOffsets(ctx, &connectorv1.AlterOffsetsRequest{Name: args[0], Offsets: forget,
				ValidateOnly: validateOnly})
		})
	}
	return reset
}

// confirmation gives a command the flag without which it only says what would follow.
func confirmation(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("yes", false,
		"do it; without it, only what would follow is said. A running connector is stopped for it and resumed")
}

// moved is the answer to a change of offsets.
type moved interface {
	proto.Message
	GetMessage() string
	GetConsequences() []string
}

// moveOffsets says what follows from a change of offsets and, if it is wanted, makes it: of a
// connector that runs between a stop and a resume.
func moveOffsets(ctx context.Context, s *session, name string, yes bool,
	change func(ctx context.Context, validateOnly bool) (moved, error)) error {
	if !yes {
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
	before, err := s.connectors().GetConnectorStatus(ctx, &connectorv1.GetConnectorStatusRequest{Name: name})
	if err != nil {
		return err
	}
	was := before.GetStatus().GetState()
	if was != connectorv1.State_STATE_STOPPED {
		if _, err := s.connectors().StopConnector(ctx, &connectorv1.StopConnectorRequest{Name: name}); err != nil {
			return err
		}
		if err := awaitStop(ctx, s, name); err != nil {
			return err
		}
	}
	done, err := change(ctx, false)
	if was != connectorv1.State_STATE_STOPPED {
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
		if again := resume(); again != nil && err == nil {
			err = again
		}
	}
	if err != nil {
		return err
	}
	return showMove(s, done)
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
		text, err := protojson.Marshal(m)
		if err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
		_, err = fmt.Fprintf(s.out, "%s\n", text)
		return err
	}
	fmt.Fprintf(s.out, "%s.\n", m.GetMessage())
	for _, c := range m.GetConsequences() {
		fmt.Fprintf(s.out, "- %s\n", c)
	}
	return nil
}
