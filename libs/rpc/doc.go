// Package rpc composes the gRPC server that every service runs: health, reflection, tracing,
// recovery from panics, limits and an orderly stop, so that services differ only in what they
// register.
//
// A service's Run is then
//
//	server := rpc.NewServer(rpc.Config{Logger: logger, Ready: worker.Ready})
//	connectorv1.RegisterConnectorServiceServer(server, api.New(worker))
//	group, ctx := errgroup.WithContext(ctx)
//	group.Go(func() error { return worker.Run(ctx) })
//	group.Go(func() error { return server.Serve(ctx, listener) })
//	return group.Wait()
package rpc
