package ctl

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

// lifecycleCommands are the commands that change one connector's state.
func lifecycleCommands(s *session) (commands []*cobra.Command) {
	for _, change := range []struct {
		verb, short, done string
		call              func(context.Context, string) error
	}{
		{"pause", "Stop the flow of data; connections and slot stay", "is pausing",
			func(ctx context.Context, name string) error {
				_, err := s.connectors().PauseConnector(ctx, &connectorv1.PauseConnectorRequest{Name: name})
				return err
			}},
		{"resume", "Continue a paused or stopped connector", "resumes", func(ctx context.Context, name string) error {
			_, err := s.connectors().ResumeConnector(ctx, &connectorv1.ResumeConnectorRequest{Name: name})
			return err
		}},
		{"stop", "Shut the tasks down; offsets can then be changed", "is stopping",
			func(ctx context.Context, name string) error {
				_, err := s.connectors().StopConnector(ctx, &connectorv1.StopConnectorRequest{Name: name})
				return err
			}},
		{"restart", "Restart a connector with its tasks", "restarts", func(ctx context.Context, name string) error {
			_, err := s.connectors().RestartConnector(ctx, &connectorv1.RestartConnectorRequest{Name: name, IncludeTasks: true})
			return err
		}},
	} {
		commands = append(commands, &cobra.Command{
			Use: change.verb + " CONNECTOR", Short: change.short, Args: exactly(1), ValidArgsFunction: s.names,
			RunE: func(cmd *cobra.Command, args []string) error {
				if err := change.call(cmd.Context(), args[0]); err != nil {
					return err
				}
				_, err := fmt.Fprintf(s.out, "%s %s\n", args[0], change.done)
				return err
			},
		})
	}
	return commands
}
