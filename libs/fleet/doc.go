// Package fleet runs a worker of the capture or of the sink fleet: the connector runtime with the fleet's plugins,
// behind the services that every worker answers. What the fleet adds, its plugins and a service of its own, is the
// caller's.
package fleet
