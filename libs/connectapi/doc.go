// Package connectapi serves Kafka Connect's REST API (level 4.3) over ConnectorService, so that the
// tools with which people control Kafka Connect work with Calypso: curl, kcctl, Kafka UI, Redpanda
// Console, Terraform, Strimzi.
//
// Paths, methods, codes, headers and bodies are those of Kafka Connect, as recorded in testdata,
// with these differences:
//   - a wrong body (malformed JSON, unknown field, wrong type) gets 400 and names the field, where
//     Kafka Connect answers 500 with a Java exception;
//   - literal secrets are masked; references such as ${file:/run/secrets/pg:password} are not. A
//     mask that is sent back means "unchanged";
//   - a query parameter that is neither true nor false gets 400, where Kafka Connect reads it as
//     false;
//   - errors always have Content-Type application/json, even those of ambiguous paths, and 405 has
//     Allow;
//   - 503 means that Kafka cannot be reached.
//
// The handler does no authentication, which is up to the server around it. For a call that changes
// something, Config.Allow decides whether the caller may make it, before anything else of the
// request is read.
package connectapi
