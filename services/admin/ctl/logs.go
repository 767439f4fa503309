package ctl

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
)

// logsCommand shows and sets how much admin writes into its log.
func logsCommand(s *session) *cobra.Command {
	root := &cobra.Command{Use: "logs",
		Short: "Show or set the levels of admin's log, as Kafka Connect's /admin/loggers does"}
	root.AddCommand(
		&cobra.Command{
			Use: "levels", Short: "Show each logger with its level", Args: exactly(0),
			RunE: func(cmd *cobra.Command, _ []string) error {
				r, err := s.admin().ListLoggers(cmd.Context(), &adminv1.ListLoggersRequest{})
				if err != nil {
					return err
				}
				return s.show(r, func(t *table) {
					t.row("LOGGER", "LEVEL", "SET")
					for _, l := range r.Loggers {
						t.row(l.Name, l.Level, moment(l.SetTime))
					}
				})
			},
		},
		&cobra.Command{
			Use:   "set LOGGER LEVEL",
			Short: "Set the level of a logger and of all loggers below it, until admin ends; root is above all others",
			Args:  exactly(2),
			RunE: func(cmd *cobra.Command, args []string) error {
				r, err := s.admin().SetLoggerLevel(cmd.Context(), &adminv1.SetLoggerLevelRequest{Logger: args[0], Level: args[1]})
				if err != nil {
					return err
				}
				return s.show(r, func(t *table) {
					if len(r.Changed) == 0 {
						t.row(fmt.Sprintf("%s had this level.", args[0]))
						return
					}
					t.row(fmt.Sprintf("From %s on is written: %s", strings.ToUpper(args[1]), strings.Join(r.Changed, ", ")))
				})
			},
		},
	)
	return root
}
