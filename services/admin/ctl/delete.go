package ctl

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

// deleteCommand deletes a connector, and says what it leaves behind.
func deleteCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "delete CONNECTOR", Short: "Forget a connector; its topics, slot and offsets stay", Args: exactly(1),
		ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := s.connectors().DeleteConnector(cmd.Context(),
				&connectorv1.DeleteConnectorRequest{Name: args[0]})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(s.out, strings.Join(append([]string{args[0] + " is deleted"}, answer.Warnings...), "\n"))
			return err
		},
	}
}
