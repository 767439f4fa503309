package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// New serves the JSON form of all services that own offers. The caller has to bound the size of
// bodies by http.MaxBytesHandler.
func New(ctx context.Context, own *grpc.ClientConn) (http.Handler, error) {
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newStrictJSON()),
		runtime.SetQueryParameterParser(strictQuery{}),
		runtime.WithRoutingErrorHandler(routingError),
		runtime.WithErrorHandler(answerError),
	)
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		adminv1.RegisterAdminServiceHandler,
		connectorv1.RegisterConnectorServiceHandler,
		capturev1.RegisterCaptureServiceHandler,
		sinkv1.RegisterSinkServiceHandler,
		ordersv1.RegisterOrdersServiceHandler,
	} {
		if err := register(ctx, mux, own); err != nil {
			return nil, fmt.Errorf("register the gateway: %w", err)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !utf8.ValidString(r.URL.Path):
			runtime.HTTPError(r.Context(), mux, newStrictJSON(), w, r, rpc.InvalidField("path", "path: must be valid UTF-8"))
		case r.ContentLength != 0 && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
			err := rpc.InvalidField("body", "body: must be JSON and say so: Content-Type: application/json")
			runtime.HTTPError(r.Context(), mux, newStrictJSON(), w, r,
				&runtime.HTTPStatusError{HTTPStatus: http.StatusUnsupportedMediaType, Err: err})
		default:
			mux.ServeHTTP(w, r)
		}
	}), nil
}

// answerError gives the errors that grpc-gateway itself makes, such as those about invalid bodies,
// a reason like all others.
func answerError(ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter,
	r *http.Request, err error) {
	var withCode *runtime.HTTPStatusError
	if st, ok := status.FromError(err); ok && len(st.Details()) == 0 && !errors.As(err, &withCode) {
		field, isField := parseFieldError(st.Message())
		switch {
		case st.Code() == codes.InvalidArgument && isField:
			err = rpc.InvalidField(field.path, field.path+": "+field.problem)
		case st.Code() == codes.InvalidArgument:
			err = rpc.Error(st.Code(), "REQUEST_INVALID", st.Message())
		case st.Code() == codes.NotFound:
			err = rpc.Error(st.Code(), "NOT_FOUND", st.Message())
		default:
			err = rpc.Error(st.Code(), "CALL_FAILED", st.Message())
		}
		if isField && strings.HasPrefix(field.problem, tooLarge) {
			err = &runtime.HTTPStatusError{HTTPStatus: http.StatusRequestEntityTooLarge, Err: err}
		}
	}
	runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, err)
}

// routingError answers a wrong HTTP method with 405; grpc-gateway's own answer would be 501.
func routingError(ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter,
	r *http.Request, code int) {
	if code == http.StatusMethodNotAllowed {
		err := &runtime.HTTPStatusError{HTTPStatus: code,
			Err: rpc.Error(codes.Unimplemented, "METHOD_NOT_ALLOWED", "method not allowed")}
		runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, err)
		return
	}
	runtime.DefaultRoutingErrorHandler(ctx, mux, m, w, r, code)
}
