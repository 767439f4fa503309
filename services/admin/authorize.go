package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpccredentials "google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// authorizer lets a gRPC call through if its caller may make it, and records calls that change
// something in the log and in the timeline. users is nil if everybody may do everything.
type authorizer struct {
	users *Users
	// inside is true if all callers are admin's own HTTP side, which has authenticated the user and
	// names them.
	inside bool
	// log is written to whatever the level of admin's log.
	log      *slog.Logger
	timeline *recorder
	router   *router
}

// allow returns the caller, and an error if the call is not allowed.
func (a authorizer) allow(ctx context.Context, method string) (user, error) {
	need := required(method)
	if a.users == nil || need == 0 {
		return user{name: "anonymous", role: Admin}, nil
	}
	caller, err := a.caller(ctx)
	if err != nil {
		return user{}, authenticationError(err)
	}
	if caller.role < need {
		return caller, rpc.Error(codes.PermissionDenied, "ROLE_INSUFFICIENT",
			fmt.Sprintf("user %s may not call %s", caller.name, method))
	}
	return caller, nil
}

// userKey and roleKey are the metadata in which the HTTP side tells the inner server who the user
// is.
const (
	userKey = rpc.CallerKey
	roleKey = "calypso-caller-role"
)

// caller identifies the caller: by the HTTP side's metadata, a certificate, or credentials.
func (a authorizer) caller(ctx context.Context) (user, error) {
	first := func(key string) string {
		if values := metadata.ValueFromIncomingContext(ctx, key); len(values) > 0 {
			return values[0]
		}
		return ""
	}
	if a.inside {
		role, ok := roles[first(roleKey)]
		if !ok {
			return user{}, ErrUnauthenticated
		}
		return user{name: first(userKey), role: role}, nil
	}
	if p, ok := peer.FromContext(ctx); ok {
		if secured, ok := p.AuthInfo.(grpccredentials.TLSInfo); ok {
			if caller, err := a.users.certified(&secured.State); err == nil {
				return caller, nil
			}
		}
	}
	return a.users.authenticate(first("authorization"), hostOf(ctx))
}

// hostOf returns the address of the machine that calls.
func hostOf(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	host, _, err := net.SplitHostPort(p.Addr.String())
	if err != nil {
		return p.Addr.String()
	}
	return host
}

// changes reports whether a call changes anything. Validations, plans and comparisons change nothing.
func changes(method string) bool {
	name := method[strings.LastIndexByte(method, '/')+1:]
	return required(method) > Viewer && !strings.HasPrefix(name, "Validate") && !strings.HasPrefix(name, "Plan") &&
		!strings.HasPrefix(name, "Verify")
}

// onlyAsks reports whether a request of a call that can change something only asks what would
// follow.
func onlyAsks(q any) bool {
	switch asked := q.(type) {
	case interface{ GetValidateOnly() bool }:
		return asked.GetValidateOnly()
	case *adminv1.RepairPipelineRequest:
		return !asked.GetWrite()
	}
	return false
}

func (a authorizer) unary(ctx context.Context, q any, info *grpc.UnaryServerInfo,
	handle grpc.UnaryHandler) (any, error) {
	caller, err := a.allow(ctx, info.FullMethod)
	if err != nil {
		a.denied(ctx, caller, info.FullMethod, connectorOf(q), err)
		return nil, err
	}
	if get, ok := q.(*connectorv1.GetConnectorRequest); ok && get.Reveal && caller.role < Admin {
		get.Reveal = false
	}
	if !changes(info.FullMethod) || onlyAsks(q) {
		return handle(ctx, q)
	}
	name := connectorOf(q)
	before := a.configBefore(ctx, q, name)
	answer, err := handle(rpc.WithCaller(ctx, caller.name), q)
	detail := ""
	if err == nil {
		detail = detailOf(q, before, answer)
	}
	a.note(ctx, caller, info.FullMethod, name, detail, err)
	return answer, err
}

// note records that a caller changed something, or tried to.
func (a authorizer) note(ctx context.Context, caller user, method, connector, detail string, err error) {
	event := &connectorv1.Event{Actor: caller.name, Action: method[strings.LastIndexByte(method, '/')+1:],
		Connector: connector, Detail: detail}
	if err != nil {
		event.Error = status.Convert(err).Message()
	}
	a.audit(ctx, caller, method, connector, err)
	a.timeline.note(event)
}

// ofConnect is the full name of a method of ConnectorService. Kafka Connect's API also uses it for
// changes that it makes without such a call.
func ofConnect(call string) string { return "/calypso.connector.v1.ConnectorService/" + call }

// allowHTTP is allow for what the HTTP side does before a call, or without one.
func (a authorizer) allowHTTP(ctx context.Context, call string) error {
	caller, err := a.allow(incoming(ctx), ofConnect(call))
	if err != nil {
		a.denied(ctx, caller, ofConnect(call), "", err)
	}
	return err
}

// denied logs that a caller tried to change what they may not. It does not go into the timeline,
// which somebody without any rights could otherwise flood.
func (a authorizer) denied(ctx context.Context, caller user, method, connector string, err error) {
	if status.Code(err) == codes.PermissionDenied && changes(method) {
		a.audit(ctx, caller, method, connector, err)
	}
}

func (a authorizer) audit(ctx context.Context, caller user, method, connector string, err error) {
	a.log.InfoContext(ctx, "audit", "user", caller.name, "method", method, "connector", connector, "outcome",
		status.Code(err).String())
}

// noteHTTP records what the HTTP side changed without a call.
func (a authorizer) noteHTTP(ctx context.Context, call, of, detail string) {
	if caller, err := a.allow(incoming(ctx), ofConnect(call)); err == nil {
		a.note(ctx, caller, ofConnect(call), of, detail, nil)
	}
}

func (a authorizer) stream(server any, s grpc.ServerStream, info *grpc.StreamServerInfo,
	handle grpc.StreamHandler) (failure error) {
	caller, err := a.allow(s.Context(), info.FullMethod)
	if err != nil {
		a.denied(s.Context(), caller, info.FullMethod, "", err)
		return err
	}
	ctx, free := a.users.whileStands(s.Context(), caller)
	defer free()
	s = within{s, ctx}
	defer func() {
		if errors.Is(context.Cause(ctx), errChanged) {
			failure = authenticationError(errChanged)
		}
	}()
	if !changes(info.FullMethod) {
		return handle(server, s)
	}
	heard := &heard{ServerStream: s}
	err = handle(server, heard)
	if !onlyAsks(heard.asked) {
		a.note(s.Context(), caller, info.FullMethod, connectorOf(heard.asked),
			detailOf(heard.asked, nil, heard.answered), err)
	}
	return err
}

// heard is a stream of answers that keeps the last request and answer.
type heard struct {
	grpc.ServerStream
	asked, answered any
}

func (h *heard) RecvMsg(m any) error {
	h.asked = m
	return h.ServerStream.RecvMsg(m)
}

func (h *heard) SendMsg(m any) error {
	h.answered = m
	return h.ServerStream.SendMsg(m)
}

// detailOf says what a call changed: keys of a configuration, or dead letters by their ids, without
// their contents.
func detailOf(q any, before map[string]string, answer any) string {
	switch asked := q.(type) {
	case *adminv1.SetLoggerLevelRequest:
		return fmt.Sprintf("logger %.300s: %s", asked.Logger, strings.ToUpper(asked.Level))
	case *connectorv1.AbortHangingTransactionRequest:
		return fmt.Sprintf("partition %d of topic %.300s, producer %d", asked.Partition, asked.Topic, asked.ProducerId)
	}
	switch a := answer.(type) {
	case interface{ GetConnector() *connectorv1.Connector }:
		return difference(before, a.GetConnector().GetConfig())
	case *connectorv1.DeleteConnectorResponse:
		return strings.Join(a.GetWarnings(), "\n")
	case *sinkv1.ReplayDeadLettersResponse:
		detail := fmt.Sprintf("%d replayed, %d refused again", a.GetReplayed(), a.GetRefusedTotal())
		if asked, ok := q.(*sinkv1.ReplayDeadLettersRequest); ok && len(asked.GetEdits()) > 0 {
			var ids []string
			for _, e := range asked.GetEdits() {
				ids = append(ids, e.GetId())
			}
			detail += "; with other values: " + strings.Join(ids, ", ")
		}
		return detail
	case *sinkv1.DiscardDeadLettersResponse:
		return fmt.Sprintf("%d discarded", a.GetDiscarded())
	case *adminv1.RepairPipelineResponse:
		return a.GetSummary().GetReason()
	case *sinkv1.AcknowledgeNoticesResponse:
		return fmt.Sprintf("%d notices acknowledged", a.GetAcknowledged())
	case *capturev1.AcknowledgeLossesResponse:
		return fmt.Sprintf("%d losses acknowledged", a.GetAcknowledged())
	}
	return ""
}

// connectorOf is the connector that a request is about.
func connectorOf(q any) string {
	switch named := q.(type) {
	case interface{ GetName() string }:
		return named.GetName()
	case interface{ GetConnector() string }:
		return named.GetConnector()
	case interface{ GetSource() string }:
		return named.GetSource()
	}
	return ""
}

// configBefore is the configuration that a request is about to change, with secrets masked; nil if there is none.
func (a authorizer) configBefore(ctx context.Context, q any, name string) map[string]string {
	switch q.(type) {
	case *connectorv1.UpdateConnectorConfigRequest, *connectorv1.PatchConnectorConfigRequest,
		*connectorv1.RollbackConnectorConfigRequest:
		r, err := a.router.GetConnector(ctx, &connectorv1.GetConnectorRequest{Name: name})
		if err == nil {
			return r.Connector.Config
		}
	}
	return nil
}

// difference says what changed between two configurations whose secrets are masked, a line a key.
func difference(before, after map[string]string) string {
	all := maps.Clone(before)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, after)
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		was, had := before[key]
		is, has := after[key]
		switch {
		case !had:
			lines = append(lines, "+ "+key+": "+is)
		case !has:
			lines = append(lines, "- "+key)
		case was != is:
			lines = append(lines, "~ "+key+": "+was+" -> "+is)
		}
	}
	return strings.Join(lines, "\n")
}
