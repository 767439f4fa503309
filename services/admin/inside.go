package admin

import (
	"context"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// inside is a listener that only this process can reach: its connections are pipes in memory.
type inside struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newInside() *inside {
	return &inside{accept: make(chan net.Conn), closed: make(chan struct{})}
}

// dial makes a connection; it waits until the server accepts it.
func (l *inside) dial(ctx context.Context, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.accept <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Accept implements net.Listener.
func (l *inside) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *inside) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *inside) Addr() net.Addr { return insideAddr{} }

// httpCaller is the key of the user in the context of an HTTP request.
type httpCaller struct{}

// naming tells the inner server who the user is. Metadata of the same name that a request itself
// brings, which the gateway would pass on, is removed.
func naming(ctx context.Context) context.Context {
	said, _ := metadata.FromOutgoingContext(ctx)
	said = said.Copy()
	delete(said, userKey)
	delete(said, roleKey)
	if caller, ok := ctx.Value(httpCaller{}).(user); ok {
		said.Set(userKey, caller.name)
		said.Set(roleKey, caller.role.String())
	}
	return metadata.NewOutgoingContext(ctx, said)
}

// incoming is the context that a call of an HTTP request's user has at the inner server.
func incoming(ctx context.Context) context.Context {
	said, _ := metadata.FromOutgoingContext(naming(ctx))
	return metadata.NewIncomingContext(ctx, said)
}

// namingOptions make every call of a connection carry who the user is.
func namingOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, q, answer any, c *grpc.ClientConn,
			call grpc.UnaryInvoker, o ...grpc.CallOption) error {
			return call(naming(ctx), method, q, answer, c, o...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, d *grpc.StreamDesc, c *grpc.ClientConn, method string,
			open grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(naming(ctx), d, c, method, o...)
		}),
	}
}

type insideAddr struct{}

func (insideAddr) Network() string { return "inside" }
func (insideAddr) String() string  { return "inside" }
