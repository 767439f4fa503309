package spec

import (
	"slices"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// Class is the connector class that configurations name.
const Class = "io.debezium.connector.postgresql.PostgresConnector"

// Catalogue declares every key that a capture connector reads or knows not to support, Debezium's
// in its order and in its words.
func Catalogue() (*catalogue.Catalogue, error) {
	own := slices.Concat(connectionKeys(), eventKeys(), snapshotKeys(), operationKeys(), filterKeys(), sslKeys(),
		replicationKeys())
	for i := range own {
		own[i].Dialect = catalogue.Field
	}
	return catalogue.New(catalogue.SourceFramework(), own)
}
