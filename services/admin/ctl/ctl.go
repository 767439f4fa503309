package ctl

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	build "github.com/calypso-cdc/calypso/libs/version"
)

// Run runs one command line, args without the program's name; it reads files named "-" from in and prints on out.
func Run(ctx context.Context, version string, args []string, in io.Reader, out io.Writer) error {
	s := &session{in: in, out: printable{out}}
	root := rootCommand(s, version)
	root.SetVersionTemplate(build.Line(root.Name(), version) + "\n")
	if len(args) > 0 && args[0] == "-version" {
		args = []string{"--version"}
	}
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && strings.HasPrefix(err.Error(), "required flag") { // cobra has no hook for it
		err = fmt.Errorf("%w: %w", errUsage, err)
	}
	if s.connection != nil {
		_ = s.connection.Close() // nothing is under way that could fail
	}
	return s.unreachable(err)
}

func rootCommand(s *session, version string) *cobra.Command {
	root := &cobra.Command{
		Use:           "calypsoctl",
		Short:         "Control Calypso: pipelines from PostgreSQL through Kafka into Azure Data Explorer",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if s.output != "table" && s.output != "json" {
				return fmt.Errorf("%w: --output is %q: table or json", errUsage, s.output)
			}
			if strings.Contains(s.address, "://") {
				return fmt.Errorf("%w: --address is %q: host:port is wanted, and --tls-ca for TLS", errUsage, s.address)
			}
			err := s.tls.Validate()
			if err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			s.connection, err = grpc.NewClient("dns:///"+s.address, s.tls.Dial())
			if err != nil {
				return fmt.Errorf("%w: --address %q: %w", errUsage, s.address, err)
			}
			if s.token != "" {
				cmd.SetContext(metadata.AppendToOutgoingContext(cmd.Context(), "authorization", "Bearer "+s.token))
			}
			return nil
		},
	}
	root.SetOut(s.out)
	root.SetErr(s.out)
	root.SetIn(s.in)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	flags := root.PersistentFlags()
	address := os.Getenv("CALYPSO_ADDRESS")
	if address == "" {
		address = "localhost:7070"
	}
	flags.StringVar(&s.address, "address", address, "gRPC address of admin (CALYPSO_ADDRESS)")
	flags.StringVarP(&s.output, "output", "o", "table", "table or json")
	flags.StringVar(&s.tls.CA, "tls-ca", os.Getenv("CALYPSO_TLS_CA"),
		"connect with TLS, trusting the PEM certificates in this file (CALYPSO_TLS_CA)")
	flags.StringVar(&s.tls.Cert, "tls-cert", os.Getenv("CALYPSO_TLS_CERT"),
		"PEM certificate that says who you are (CALYPSO_TLS_CERT)")
	flags.StringVar(&s.tls.Key, "tls-key", os.Getenv("CALYPSO_TLS_KEY"), "PEM key of that certificate (CALYPSO_TLS_KEY)")
	// A password has no flag: the process list shows flags.
	s.token = os.Getenv("CALYPSO_TOKEN")
	root.Long = root.Short + ".\n\nWhere admin authenticates users, the variable CALYPSO_TOKEN holds name:password."
	root.AddCommand(getCommand(s), describeCommand(s), applyCommand(s), diffCommand(s), exportCommand(s),
		rollbackCommand(s), watchCommand(s), waitCommand(s), verifyCommand(s), repairCommand(s), snapshotCommand(s),
		offsetsCommand(s), deadLettersCommand(s), acknowledgeCommand(s), transactionsCommand(s), logsCommand(s),
		probeCommand(s, version), ordersCommand(s))
	root.AddCommand(lifecycleCommands(s)...)
	root.AddCommand(deleteCommand(s))
	for _, command := range root.Commands() {
		if command.HasSubCommands() {
			refuseUnknown(command)
		}
	}
	refuseUnknown(root)
	addExamples(root)
	return root
}

// refuseUnknown makes a command that only groups others fail for an unknown subcommand; cobra would
// print help and succeed.
func refuseUnknown(group *cobra.Command) {
	group.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := "see " + group.CommandPath() + " --help"
		if similar := group.SuggestionsFor(args[0]); len(similar) > 0 {
			hint = "did you mean " + strings.Join(similar, " or ") + "?"
		}
		return fmt.Errorf("%w: %s has no command %q; %s", errUsage, group.CommandPath(), args[0], hint)
	}
	group.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	group.SuggestionsMinimumDistance = 2
}
