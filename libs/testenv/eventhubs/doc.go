// Package eventhubs is a stand-in for the Kafka endpoint of Azure Event Hubs: a proxy that speaks
// Kafka's protocol, in front of an Apache Kafka that stores what it lets through.
//
// Model. Each connection of a client has one to the broker. A request is read whole, judged by the
// rules of the tier, and either answered by the proxy itself, passed on, or met with the end of the
// connection; answers that name the broker or what it can do are rewritten. Requests of one
// connection are served one after the other, in order.
//
// The rules are those that Microsoft documents (azure-docs/articles/event-hubs:
// apache-kafka-configurations, apache-kafka-troubleshooting-guide,
// azure-event-hubs-apache-kafka-overview, event-hubs-quotas), and what users of the real service
// recorded in public threads, each named beside its rule. Where these are silent or contradict each
// other, the worse form is taken.
package eventhubs
