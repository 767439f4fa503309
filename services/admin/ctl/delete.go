package ctl

import (
	"fmt"

	"github.com/spf13/cobra"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// deleteCommand deletes a connector, and names the slot that a source leaves on its server: from
// now on the slot keeps log, and nobody watches it.
func deleteCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "delete CONNECTOR", Short: "Forget a connector; its topics, slot and offsets stay", Args: exactly(1),
		ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			// Sinks and polling sources have no slot, and a source that never ran has not made its own.
			slot := ""
			if capture, err := s.captures().GetCapture(cmd.Context(),
				&capturev1.GetCaptureRequest{Connector: name}); err == nil {
				if of := capture.GetCapture().GetSlot(); !of.GetMissing() {
					slot = of.GetName()
				}
			}
			if _, err := s.connectors().DeleteConnector(cmd.Context(),
				&connectorv1.DeleteConnectorRequest{Name: name}); err != nil {
				return err
			}
			if _, err := fmt.Fprintf(s.out, "%s is deleted\n", name); err != nil || slot == "" {
				return err
			}
			_, err := fmt.Fprintf(s.out,
				"Its slot %s stays and makes PostgreSQL keep log until somebody reads it. If nobody will, once its connection has ended:\n  SELECT pg_drop_replication_slot(%s);\n", slot, pgrepl.QuoteLiteral(slot))
			return err
		},
	}
}
