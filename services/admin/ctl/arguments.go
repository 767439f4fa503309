package ctl

import (
	"fmt"

	"github.com/spf13/cobra"
)

// exactly checks the number of arguments, and between that it lies in a range. Their errors show
// the right usage.
func exactly(n int) cobra.PositionalArgs { return between(n, n) }

func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return fmt.Errorf("%w: want %s", errUsage, cmd.UseLine())
		}
		return nil
	}
}
