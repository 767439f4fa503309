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

// session is one run of the command line.
type session struct {
	out        io.Writer
	in         io.Reader
	address    string
	token      string
	output     string
	tls        rpc.TLS
	connection *grpc.ClientConn
	// said is the last progress that a command printed.
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

// unreachable adds to gRPC's own error of a connection that it is the connection to admin.
func (s *session) unreachable(err error) error {
	st, _ := status.FromError(err)
	if st.Code() != codes.Unavailable || !strings.HasPrefix(st.Message(), "connection error: ") ||
		errors.Is(err, errUnsure) {
		return err
	}
	return status.Errorf(codes.Unavailable,
		"admin at %s does not answer: %s. Make sure that it runs there; --address (CALYPSO_ADDRESS) names another, with the port of gRPC, which is 7070 by default.",
		s.address, s.tls.CauseAt(context.Background(), err, "the gRPC of admin", s.address))
}

// show prints an answer: as JSON, or by table.
func (s *session) show(answer proto.Message, table func(*table)) error {
	if s.output == "json" {
		text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(answer)
		if err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		// protojson varies its spaces on purpose; files in version control should not.
		var stable bytes.Buffer
		if err := json.Indent(&stable, text, "", "  "); err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		_, err = fmt.Fprintf(s.out, "%s\n", &stable)
		return err
	}
	t := newTable(s.out)
	table(t)
	return t.flush()
}

// read reads a file, or the input if its path is "-".
func (s *session) read(path string) (content []byte, err error) {
	if path == "-" {
		content, err = io.ReadAll(s.in)
	} else {
		content, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read %s: %w", errUsage, path, err)
	}
	return content, nil
}

// line prints a message of a stream as JSON on a line.
func (s *session) line(m proto.Message) error {
	text, err := protojson.Marshal(m)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = fmt.Fprintf(s.out, "%s\n", text)
	return err
}

// showPart is show of an answer without what some services, named with why they cannot be asked, would have said: what
// the others said is printed, and the error names them.
func (s *session) showPart(answer proto.Message, unreachable []string, table func(*table)) error {
	if err := s.show(answer, table); err != nil {
		return err
	}
	return lacking(unreachable)
}

// lacking is the error of an answer that lacks what some services would have said; nil if it lacks nothing.
func lacking(unreachable []string) error {
	if len(unreachable) == 0 {
		return nil
	}
	return status.Errorf(codes.Unavailable, "%s: what it knows is missing above, or as it was when it last answered",
		strings.Join(unreachable, "; "))
}

// names completes the name of a connector. Completion is a command of its own, which has connected already.
func (s *session) names(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, err := s.connectors().ListConnectors(cmd.Context(),
		&connectorv1.ListConnectorsRequest{ReturnPartialSuccess: true})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, c := range all.Connectors {
		names = append(names, c.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
