// Package ctl is the command line of Calypso, calypsoctl: what admin offers over gRPC, for people and for scripts.
//
// Every command prints a table for people, or with --output json what the service answered, and ends with a status that
// scripts can branch on (see Exit).
package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// Exit statuses.
const (
	ExitOK          = 0
	ExitDifferent   = 1 // diff or verify found differences, or wait did not see what it waited for
	ExitUsage       = 2 // the command line or a file is wrong; of verify, any reason why nothing can be said
	ExitNotFound    = 3 // there is no such connector or pipeline
	ExitInvalid     = 4 // the service refused a configuration or a state
	ExitUnavailable = 5 // admin or what it needs cannot be reached
	ExitDenied      = 6 // who calls is not known or may not
	ExitFailure     = 10
)

var (
	errDifferent = errors.New("there are differences")
	errUsage     = errors.New("wrong usage")
	errUnsure    = errors.New("the comparison did not come to an end")
)

// Exit is the status for the error of a command.
func Exit(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errDifferent):
		return ExitDifferent
	case errors.Is(err, errUnsure):
		return ExitUsage
	}
	if _, fromService := status.FromError(err); !fromService {
		return ExitUsage // the command line's own: an unknown command, a missing flag
	}
	switch status.Code(err) {
	case codes.NotFound:
		return ExitNotFound
	case codes.InvalidArgument, codes.FailedPrecondition, codes.AlreadyExists, codes.OutOfRange:
		return ExitInvalid
	case codes.Unavailable, codes.DeadlineExceeded:
		return ExitUnavailable
	case codes.Unauthenticated, codes.PermissionDenied:
		return ExitDenied
	}
	return ExitFailure
}

// Message is what to show of an error: of a service's the sentence, without gRPC's frame.
func Message(err error) string {
	if errors.Is(err, errUnsure) {
		return err.Error()
	}
	if st, ok := status.FromError(err); ok {
		return st.Message()
	}
	return err.Error()
}

// session is one run of the command line.
type session struct {
	out        io.Writer
	in         io.Reader
	address    string
	token      string
	output     string
	tls        rpc.TLS
	connection *grpc.ClientConn
	// said is the progress that a command printed last.
	said string
}

func (s *session) connectors() connectorv1.ConnectorServiceClient {
	return connectorv1.NewConnectorServiceClient(s.connection)
}

func (s *session) admin() adminv1.AdminServiceClient {
	return adminv1.NewAdminServiceClient(s.connection)
}

func (s *session) captures() capturev1.CaptureServiceClient {
	return capturev1.NewCaptureServiceClient(s.connection)
}

func (s *session) sinks() sinkv1.SinkServiceClient {
	return sinkv1.NewSinkServiceClient(s.connection)
}

func (s *session) orders() ordersv1.OrdersServiceClient {
	return ordersv1.NewOrdersServiceClient(s.connection)
}

// Run runs one command line, args without the program's name; it reads files named "-" from in and prints on out.
func Run(ctx context.Context, version string, args []string, in io.Reader, out io.Writer) error {
	s := &session{in: in, out: out}
	root := s.root(version)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if s.connection != nil {
		_ = s.connection.Close() // nothing is under way that could fail
	}
	return s.unreachable(err)
}

// unreachable says of gRPC's own error of a connection, which does not name it, that it is the one to admin.
func (s *session) unreachable(err error) error {
	st, _ := status.FromError(err)
	if st.Code() != codes.Unavailable || !strings.HasPrefix(st.Message(), "connection error: ") || errors.Is(err, errUnsure) {
		return err
	}
	return status.Errorf(codes.Unavailable, "admin at %s does not answer: %s. See that it runs there; --address (CALYPSO_ADDRESS) names another.", s.address, rpc.Cause(err))
}

func (s *session) root(version string) *cobra.Command {
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
	flags.StringVar(&s.tls.CA, "tls-ca", os.Getenv("CALYPSO_TLS_CA"), "connect with TLS, trusting the PEM certificates in this file (CALYPSO_TLS_CA)")
	flags.StringVar(&s.tls.Cert, "tls-cert", os.Getenv("CALYPSO_TLS_CERT"), "PEM certificate that says who you are (CALYPSO_TLS_CERT)")
	flags.StringVar(&s.tls.Key, "tls-key", os.Getenv("CALYPSO_TLS_KEY"), "PEM key of that certificate (CALYPSO_TLS_KEY)")
	// A password has no flag: the process list shows flags.
	s.token = os.Getenv("CALYPSO_TOKEN")
	root.Long = root.Short + ".\n\nWhere admin asks who calls, the variable CALYPSO_TOKEN holds name:password."
	root.AddCommand(s.get(), s.describe(), s.apply(), s.diff(), s.export(), s.rollback(), s.watch(), s.wait(), s.verify(), s.repair(), s.snapshot(), s.offsets(), s.deadLetters(), s.transactions(), s.logs(), s.probe(version), s.ordersCommand())
	root.AddCommand(s.changes()...)
	root.AddCommand(s.deleteConnector())
	for _, command := range root.Commands() {
		if command.HasSubCommands() {
			refuseUnknown(command)
		}
	}
	addExamples(root)
	return root
}

// refuseUnknown makes a command that only groups others fail for a word that is none of them; cobra would print help and succeed.
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

// show prints an answer: as JSON, or by table.
func (s *session) show(answer proto.Message, table func(*table)) error {
	if s.output == "json" {
		text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(answer)
		if err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
		// protojson varies its spaces on purpose; files in version control should not.
		var stable bytes.Buffer
		if err := json.Indent(&stable, text, "", "  "); err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
		_, err = fmt.Fprintf(s.out, "%s\n", &stable)
		return err
	}
	t := newTable(s.out)
	table(t)
	return t.flush()
}

// names completes the name of a connector. Completion is a command of its own, which has connected already.
func (s *session) names(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, err := s.connectors().ListConnectors(cmd.Context(), &connectorv1.ListConnectorsRequest{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, c := range all.Connectors {
		names = append(names, c.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// changes are the commands that change one connector's state.
func (s *session) changes() (commands []*cobra.Command) {
	for _, change := range []struct {
		verb, short, done string
		call              func(context.Context, string) error
	}{
		{"pause", "Stop the flow of data; connections and slot stay", "is pausing", func(ctx context.Context, name string) error {
			_, err := s.connectors().PauseConnector(ctx, &connectorv1.PauseConnectorRequest{Name: name})
			return err
		}},
		{"resume", "Continue a paused or stopped connector", "resumes", func(ctx context.Context, name string) error {
			_, err := s.connectors().ResumeConnector(ctx, &connectorv1.ResumeConnectorRequest{Name: name})
			return err
		}},
		{"stop", "Shut the tasks down; offsets can then be changed", "is stopping", func(ctx context.Context, name string) error {
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
