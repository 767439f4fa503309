package ctl

import (
	"fmt"

	"github.com/spf13/cobra"
)

// exactly is a check of the number of arguments, which names the right use; between is one of a range.
func exactly(n int) cobra.PositionalArgs { return between(n, n) }

func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return fmt.Errorf("%w: want %s", errUsage, cmd.UseLine())
		}
		return nil
	}
}
