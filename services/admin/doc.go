// Package admin is the control plane: it shows the fleets of capture and sink and the orders-generator as one system,
// over gRPC, over /v1 (JSON), and over the REST API of Kafka Connect.
//
// Model. admin keeps nothing but where the pipelines were a while ago (observer), and passes every
// call on to the fleets: router serves ConnectorService for both, the proxies serve CaptureService,
// SinkService and OrdersService, and service serves AdminService from all of them. HTTP is a
// translation in front: every request becomes a call of a gRPC server that only admin itself can
// reach (inside), so that roles and audit have one place (authorizer).
//
// Guarantees. Without a file of users admin listens on loopback only, unless told otherwise. A
// fleet that cannot be reached leads to an error that names it, never to a shorter list.
package admin
