package ctl

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
)

// lastingKinds are the notices that stay until somebody has acknowledged them.
var lastingKinds = map[string]sinkv1.SinkNotice_Kind{
	"truncated": sinkv1.SinkNotice_KIND_TRUNCATED, "snapshot_repeated": sinkv1.SinkNotice_KIND_SNAPSHOT_REPEATED,
	"batch_doubled": sinkv1.SinkNotice_KIND_BATCH_DOUBLED,
}

// acknowledgeCommand removes notices of a sink that stay until somebody has seen them.
func acknowledgeCommand(s *session) *cobra.Command {
	var kind, topic string
	cmd := &cobra.Command{
		Use: "acknowledge CONNECTOR", Args: exactly(1), ValidArgsFunction: s.names,
		Short: "Remove a sink's notices of what happened once: a truncated source, a snapshot that was repeated, a batch that was ingested twice",
		RunE: func(cmd *cobra.Command, args []string) error {
			of, known := lastingKinds[strings.ToLower(kind)]
			if kind != "" && !known {
				return fmt.Errorf(
					"%w: --kind is one of truncated, snapshot_repeated, batch_doubled; other notices go away with their cause",
					errUsage)
			}
			r, err := s.sinks().AcknowledgeNotices(cmd.Context(),
				&sinkv1.AcknowledgeNoticesRequest{Connector: args[0], Kind: of, Topic: topic})
			if err != nil {
				return err
			}
			return s.show(r, func(t *table) { t.row(fmt.Sprintf("%d acknowledged", r.Acknowledged)) })
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "only notices of this kind: truncated, snapshot_repeated or batch_doubled")
	cmd.Flags().StringVar(&topic, "topic", "", "only notices about this topic")
	return cmd
}
