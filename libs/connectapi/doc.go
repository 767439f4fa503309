// Package connectapi serves Kafka Connect's REST API (level 4.3) over ConnectorService, so that the tools people drive
// Kafka Connect with drive Calypso: curl, kcctl, Kafka UI, Redpanda Console, Terraform, Strimzi.
//
// Paths, methods, codes, headers and bodies are those of Kafka Connect, as recorded in testdata,
// with these differences:
//   - a body that is not right (malformed JSON, unknown field, wrong type) is 400 and says which field, where Kafka
//     Connect answers 500 with a Java exception;
//   - literal secrets are masked; references such as ${file:/run/secrets/pg:password} are not. A mask that is given
//     back means "unchanged";
//   - a query parameter that is neither true nor false is 400, where Kafka Connect takes it for false;
//   - errors always have Content-Type application/json, even those of ambiguous paths, and 405 has Allow;
//   - Kafka not being reachable is 503.
//
// The handler does no authentication; it is the business of what is put around it. Whoever decides
// what a caller may do is asked (Config.Allow) before a call that changes something looks at
// anything else of its request.
package connectapi
