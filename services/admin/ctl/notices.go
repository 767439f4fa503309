package ctl

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
)

// lastingKinds are the notices that stay until somebody has acknowledged them.
var lastingKinds = map[string]sinkv1.SinkNotice_Kind{
	"truncated": sinkv1.SinkNotice_KIND_TRUNCATED, "snapshot_repeated": sinkv1.SinkNotice_KIND_SNAPSHOT_REPEATED,
	"batch_doubled": sinkv1.SinkNotice_KIND_BATCH_DOUBLED, "column_retyped": sinkv1.SinkNotice_KIND_COLUMN_RETYPED,
}

// acknowledgeLosses removes what a source shows of what its events lack.
func acknowledgeLosses(cmd *cobra.Command, s *session, source string) error {
	r, err := s.captures().AcknowledgeLosses(cmd.Context(), &capturev1.AcknowledgeLossesRequest{Connector: source})
	if err != nil {
		return err
	}
	return s.show(r, func(t *table) { t.row(fmt.Sprintf("%d acknowledged", r.Acknowledged)) })
}

// acknowledgeCommand removes what connectors show until somebody has seen it: notices of a sink, losses
// of a source.
func acknowledgeCommand(s *session) *cobra.Command {
	var kind, topic string
	cmd := &cobra.Command{
		Use: "acknowledge CONNECTOR", Args: exactly(1), ValidArgsFunction: s.names,
		Short: "Remove notices of what happened once: of a sink a truncated source, a snapshot that was repeated, a batch that was ingested twice, columns of the target that were retyped; of a source events that were left out and values sent as null",
		RunE: func(cmd *cobra.Command, args []string) error {
			of, known := lastingKinds[strings.ToLower(kind)]
			if kind != "" && !known {
				return fmt.Errorf(
					"%w: --kind is one of truncated, snapshot_repeated, batch_doubled, column_retyped; other notices go away with their cause",
					errUsage)
			}
			r, err := s.sinks().AcknowledgeNotices(cmd.Context(),
				&sinkv1.AcknowledgeNoticesRequest{Connector: args[0], Kind: of, Topic: topic})
			if away := status.Code(err) == codes.Unavailable; kind == "" && topic == "" && // which only sinks have
				(away || status.Code(err) == codes.NotFound) {
				if of := acknowledgeLosses(cmd, s, args[0]); !away || status.Code(of) != codes.NotFound {
					return of
				}
			}
			if err != nil {
				return err
			}
			return s.show(r, func(t *table) { t.row(fmt.Sprintf("%d acknowledged", r.Acknowledged)) })
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "only a sink's notices of this kind: truncated, snapshot_repeated, batch_doubled or column_retyped")
	cmd.Flags().StringVar(&topic, "topic", "", "only a sink's notices about this topic")
	return cmd
}
