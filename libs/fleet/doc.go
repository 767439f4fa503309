// Package fleet runs a worker of the capture or of the sink fleet: the connector runtime with the
// fleet's plugins, behind the services that every worker offers. The caller adds what is the
// fleet's own: its plugins and a service.
package fleet
