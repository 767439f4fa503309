// Command reference prints docs/configuration.md from the catalogues of the connectors, or with the
// argument metrics docs/metrics.md from the meters of the services (`make docs`).
package main
